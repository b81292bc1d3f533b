"""Native tool-chains as the window knows them: from their manifests at once, their state when they were asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.execution.tool_options import default_of, titled

Tool = Mapping[str, Any]
"""As `runtimes --json` lists one; `ok` is None as long as it was not asked."""


def known_tools() -> list[dict[str, Any]]:
    """Return every discovered tool-chain without running any."""
    from workbench.execution.discovery import discover  # noqa: PLC0415  (not before the first paint)

    found = [(manifest, error) for manifest, _, error in discover() if manifest and manifest.kind == "quantizer"]
    return [
        {
            "id": manifest.id,
            "title": manifest.title,
            "ok": False if error else None,
            "reason": error,
            "remedy": "",
            "versions": {},
            "options": dict(manifest.options),
        }
        for manifest, error in found
    ]


def tools_among(states: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the tool-chains of what `runtimes --json` answered."""
    return [dict(state) for state in states if state.get("kind") == "quantizer"]


def menu_text(tool: Tool) -> str:
    """Return a tool-chain's line in a menu."""
    return f"{tool['title']} (not usable here)" if tool["ok"] is False else str(tool["title"])


def title_of(tool: Tool, options: Mapping[str, Any]) -> str:
    """Return what a candidate is called: the tool-chain's name with what was chosen."""
    return titled(str(tool["title"]), tool["options"], options)


def changed_options(tool: Tool, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are not at their default: what stands in the study file."""
    return {key: value for key, value in options.items() if value != default_of(tool["options"][key])}


def candidate_of(tool: Tool, options: Mapping[str, Any], item: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a candidate of a tool-chain, made of `item` where there is one: a name that told the old choice follows.

    Args:
        item: the candidate before, with `native_title` that it had.
    """
    before = dict(item or {})
    old_title = before.pop("native_title", "")
    kept = {key: value for key, value in before.items() if key not in ("scheme", "plan", "native", "native_options")}
    follows = not kept.get("name") or kept["name"] == old_title
    name = title_of(tool, options) if follows else kept["name"]
    chosen = changed_options(tool, options)
    return {**kept, "name": name, "native": tool["id"], **({"native_options": chosen} if chosen else {})}
