"""The rules by which a plan becomes a Q/DQ graph, one small graph pass per file."""
