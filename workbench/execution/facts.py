"""Identity of what a study compared, as records: model, candidates, data, and findings about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.execution import result as records
from workbench.execution.native import Native
from workbench.execution.preparation import PreparedData, PreparedModel, overlap_of
from workbench.execution.study import Candidate
from workbench.files import canonical_json, sha256_of_bytes
from workbench.quant.plan import QuantPlan

NATIVE = "native tool-chain"
"""What stands where our candidates have a scheme."""


def machine_id(facts: Mapping[str, str]) -> str:
    """Return a short hash of the facts that stay as they are: not the clock's smallest step, nor a battery's charge."""
    lasting = {key: value for key, value in facts.items() if key not in ("clock", "power_source")}
    return sha256_of_bytes(canonical_json(lasting))[:12]


def model_record(prepared: PreparedModel, macs: int | None = None) -> records.ModelFacts:
    """Return the identity of a model; `macs` are those of the samples, where axes of any size got theirs."""
    facts = prepared.facts
    names = ("name", "sha256", "family", "format", "opset", "parameters", "macs", "inputs", "outputs", "notes")
    shown = {name: facts[name] for name in names} | ({} if macs is None else {"macs": macs})
    return records.ModelFacts(**shown, compared_outputs=prepared.compared, state=prepared.state)


def native_record(candidate: Candidate, model_sha256: str, native: Native | None) -> records.CandidateFacts:
    """Return a native candidate: its tool-chain, the data it saw, what it chose; without `native` it was not run."""
    title = native.tool.title if native else candidate.name
    record = native.artifact.record if native and native.artifact else {}
    tool = records.NativeFacts(
        id=candidate.native,
        title=title,
        options=dict(native.tool.options) if native else dict(candidate.native_options),
        versions=dict(native.state.versions) if native else {},
        format=native.tool.writes if native and record else None,
        artifact_sha256=record.get("artifact_sha256"),
        artifact_bytes=record.get("artifact_bytes"),
        quantize_s=record.get("build_s"),
        facts=record.get("facts", {}),
        notes=record.get("notes", {}),
    )
    return records.CandidateFacts(
        name=candidate.name,
        model_sha256=model_sha256,
        scheme={"name": NATIVE},
        scheme_title=f"{NATIVE}: {title}",
        calibration=_native_calibration(tool, record) if record else None,
        native=tool,
    )


def _native_calibration(tool: records.NativeFacts, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return which samples a tool-chain read and by which method, in the keys of a plan's calibration."""
    return {
        "method": tool.title,
        "parameters": tool.options,
        "n": record["n_samples"],
        "sha256": record["samples_sha256"],
    }


def candidate_record(
    candidate: Candidate, model_sha256: str, plan: QuantPlan | None, representation: Mapping[str, Any] | None
) -> records.CandidateFacts:
    """Return a candidate's scheme and, where it has one, its plan in figures; a ready plan brings its own scheme."""
    scheme = plan.scheme if plan else candidate.scheme
    facts = records.CandidateFacts(
        name=candidate.name, model_sha256=model_sha256, scheme=scheme.to_json(), scheme_title=scheme.title
    )
    if plan is None:
        return facts
    return facts.model_copy(
        update={
            "plan_sha256": plan.sha256,
            "calibration": plan.to_json()["calibration"],
            "quantized_tensors": len(plan.tensors),
            "quantized_weights": len(plan.weights),
            "float_nodes": dict(plan.float_nodes),
            "transforms": [dict(item) for item in plan.transforms],
            "representation": _representation(representation),
        }
    )


def data_record(data: PreparedData, state: Mapping[str, str] | None = None) -> records.DataFacts:
    """Return a set of samples as a record: the folder's or file's name, never its path.

    Args:
        state: what the model gets back from frame to frame; None or empty for independent samples.
    """
    index = data.index
    return records.DataFacts(
        name=data.spec.path.name,
        kind=index.kind,
        n=index.n,
        sha256=index.sha256,
        selection=index.selection,
        labelled=index.labels is not None,
        undecodable=[f"{file}: {reason}" for file, reason in index.undecodable],
        frames=next((item.row_shape[0] for item in index.arrays if item.name not in state), None) if state else None,
    )


def plan_findings(plans: Mapping[str, QuantPlan]) -> list[str]:
    """Return a sentence for every candidate whose plan leaves the whole model in float."""
    return [
        f"{name}: nothing in this model is INT8 under {plan.scheme.title}; what runs under its name is float32 "
        f"({_first_reasons(plan)})"
        for name, plan in plans.items()
        if not plan.quantized_nodes
    ]


def _first_reasons(plan: QuantPlan) -> str:
    reasons = list(dict.fromkeys(plan.float_nodes.values()))
    return "; ".join(reasons[:2]) + (f"; {len(reasons) - 2} more reasons" if len(reasons) > 2 else "")


def data_findings(calibration: PreparedData | None, evaluation: PreparedData) -> list[str]:
    """Return what a reader must know about the data: undecodable files, non-finite values, overlap."""
    found = []
    for name, part in (("calibration", calibration), ("evaluation", evaluation)):
        if part and part.index.undecodable:
            found.append(f"{len(part.index.undecodable)} {name} files cannot be decoded")
        if part and part.index.nonfinite:
            found.append(f"{part.index.nonfinite} {name} values are NaN or infinite")
    shared = overlap_of(calibration, evaluation)
    if shared:
        found.append(f"{shared} evaluation samples are also in the calibration set")
    return found


def native_findings(natives: Mapping[str, Native]) -> list[str]:
    """Return which native candidates are one and the same: their tool-chains wrote equal files."""
    names: dict[str, list[str]] = {}
    for name, native in natives.items():
        if native.artifact:
            names.setdefault(native.artifact.record["artifact_sha256"], []).append(name)
    return [f"{' and '.join(same)} wrote the same file, bit for bit" for same in names.values() if len(same) > 1]


def _representation(found: Mapping[str, Any] | None) -> records.Representation | None:
    if not found:
        return None
    worst = [dict(item) for item in found["tensors"][:5]]
    return records.Representation(share_beyond_clip=found["beyond_clip"], worst_tensors=worst, n=found["n"])
