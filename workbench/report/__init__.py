"""Disclosure sheet: fields, completeness, comparability, renderers."""
