"""A program of its own: lowers a saved plan for runtimes and targets as on another machine, and prints every hash.

Arguments: model (ONNX file), plan (plan.json), then one runtime:target per artifact. The current folder takes the
artifacts. Nothing but the model and the plan's two files comes from outside.
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

from workbench.execution.discovery import find_plugin
from workbench.execution.handlers import prepare
from workbench.execution.worker import Channel
from workbench.files import sha256_of_file
from workbench.model.canonical import canonical_graph, compared_outputs, with_extra_outputs
from workbench.model.load import load_model, save_proto


def lower(model: Path, plan: Path, runtime: str, target: str) -> dict[str, str]:
    """Return file name -> SHA-256 of everything that a runtime's `prepare` wrote."""
    loaded = load_model(model)
    place = Path.cwd() / f"{runtime}-{target}"
    place.mkdir()
    fp32 = with_extra_outputs(loaded.proto, compared_outputs(loaded.proto, "logits"))
    save_proto(fp32, place / "fp32.onnx")
    save_proto(canonical_graph(fp32)[0], place / "canonical.onnx")
    work_dir = place / "artifact"
    arguments = {
        "model": str(place / "fp32.onnx"),
        "canonical": str(place / "canonical.onnx"),
        "plan": str(plan),
        "precision": "int8",
        "target": target,
        "settings": {},
        "work_dir": str(work_dir),
    }
    record = prepare(find_plugin(runtime).ref, arguments, Channel(io.StringIO(), place))
    files = sorted(path for path in work_dir.rglob("*") if path.is_file())
    hashes = {path.relative_to(work_dir).as_posix(): sha256_of_file(path) for path in files}
    return {**hashes, "artifact": record["artifact_sha256"]}


def main(model: str, plan: str, *wanted: str) -> None:
    """Write {"runtime:target": {file: hash}} as JSON to standard output."""
    found = {name: lower(Path(model), Path(plan), *name.split(":")) for name in wanted}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
