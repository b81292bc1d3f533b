"""Realistic results for the tests of reports: what a study of two runtimes on one machine finds, and its odd cases."""

from __future__ import annotations

import hashlib
from typing import Any

from workbench.execution.result import Result, Run

ORT, OPENVINO, COREML, CRASHY = "ONNX Runtime", "OpenVINO", "Core ML", "TensorRT"
N = 2000
MACHINE = "m1"


def digest(text: str) -> str:
    """Return a SHA-256 that stands for `text`."""
    return hashlib.sha256(text.encode()).hexdigest()


def small_run(**fields: Any) -> Run:
    """One INT8 run that went well and has no figures yet; `fields` replace or add."""
    base = {
        "runtime": "echo",
        "label": "echo",
        "candidate": "S1",
        "precision": "int8",
        "machine": "m",
        "threads": 1,
        "batch": 1,
        "status": "ok",
    }
    return Run(**{**base, **fields})


def ordinary() -> Result:
    """Two runtimes measured, one crashed, one that needs macOS; gates; simulated and reference runs."""
    return Result.model_validate(ordinary_document())


def without_gates() -> Result:
    """The ordinary result of a study that set no gates."""
    return Result.model_validate({**ordinary_document(), "gates": {}, "verdicts": []})


def long_names() -> Result:
    """The ordinary result with names that are far too long."""
    document = ordinary_document()
    document["model"]["name"] = "a_very_long_model_name_from_some_export_script_" * 3 + "final_v2.onnx"
    longer = {
        ORT: "onnxruntime nightly build 20261119 with custom threading on the left rack",
        OPENVINO: "OpenVINO 2026.4.1 release candidate with the experimental executor",
    }
    for run in document["runs"]:
        run["label"] = longer.get(run["label"], run["label"])
        if run["status"] == "crashed":
            run["problem"]["message"] = "The worker process ended without an answer " * 4
    for entry in (*document["verdicts"], *document["disagreements"]):
        for key in ("label", "label_a", "label_b"):
            if key in entry:
                entry[key] = longer.get(entry[key], entry[key])
    return Result.model_validate(document)


def unlabelled() -> Result:
    """The ordinary result on samples without labels: agreement and SQNR only, no gates."""
    document = {**ordinary_document(), "gates": {}, "verdicts": [], "resolution_points": None}
    document["data"]["evaluation"]["labelled"] = False
    for run in document["runs"]:
        run.update(accuracy=None, accuracy_change_points=None, mcnemar_p=None, mcnemar_p_holm=None)
        if run.get("answers_changed"):
            run["answers_changed"] = {"changed": run["answers_changed"]["changed"]}
    return Result.model_validate(document)


def all_null() -> Result:
    """A result in which nothing that may be absent is there."""
    document = ordinary_document()
    document.update(data={}, overlap=None, resolution_points=None, gates={}, verdicts=[], disagreements=[])
    document.update(machines=[{"id": MACHINE, "facts": {}}], preprocess={}, task={}, profile="none")
    bare = {"runtime", "label", "candidate", "precision", "machine", "threads", "batch", "status"}
    document["runs"] = [{key: run[key] for key in bare} for run in document["runs"]]
    document["candidates"] = [
        {"name": "model", "model_sha256": digest("model"), "scheme": {"name": "S1"}, "scheme_title": "S1"}
    ]
    return Result.model_validate(document)


def no_runtimes() -> Result:
    """A result without a single run."""
    document = ordinary_document()
    document.update(runs=[], verdicts=[], disagreements=[], machines=[])
    return Result.model_validate(document)


def ordinary_document() -> dict[str, Any]:
    """The JSON document of `ordinary`."""
    return {
        "schema_version": 2,
        "program_version": "0.1.0",
        "study_name": "mobilenet",
        "study_sha256": digest("study"),
        "created_utc": "2026-11-20T01:02:03Z",
        "profile": "standard",
        "model": _model(),
        "candidates": [_candidate()],
        "task": {"kind": "classification", "class_offset": 1, "compare": "logits"},
        "preprocess": {"resize_short": 256, "center_crop": 224, "color": "RGB", "mean": [127.5], "std": [127.5]},
        "data": {"calibration": _data("calibration", 100), "evaluation": _data("evaluation", N)},
        "overlap": 0,
        "resolution_points": 0.7,
        "machines": [{"id": MACHINE, "facts": _machine_facts()}],
        "runs": _runs(),
        "disagreements": [_disagreement()],
        "gates": {"max_accuracy_drop_points": 1.0},
        "verdicts": _verdicts(),
        "findings": [],
    }


def _model() -> dict[str, Any]:
    return {
        "name": "MobileNet",
        "sha256": digest("model"),
        "family": "convolutional",
        "format": "ONNX",
        "opset": 17,
        "parameters": 470_072,
        "macs": 41_000_000,
        "inputs": [{"name": "input", "shape": ["N", 3, 224, 224], "dtype": "float32"}],
        "outputs": [{"name": "logits", "shape": ["N", 1001], "dtype": "float32"}],
        "compared_outputs": ["/head/classifier/Gemm_output_0"],
    }


def _candidate() -> dict[str, Any]:
    return {
        "name": "model",
        "model_sha256": digest("model"),
        "scheme": {"name": "S1", "method": "mse"},
        "scheme_title": "S1 W8A8 symmetric",
        "plan_sha256": digest("plan"),
        "calibration": {"method": "mse", "parameters": {}, "n": 100, "sha256": digest("calibration")},
        "quantized_tensors": 57,
        "quantized_weights": 28,
        "float_nodes": {"/head/softmax/Softmax": "Softmax stays float under S1"},
        "transforms": [{"kind": "batch_norm_fold", "node": f"/features/{i}/conv/Conv"} for i in range(27)],
        "representation": {
            "share_beyond_clip": 0.00042,
            "worst_tensors": [{"name": "/features/3/relu/Clip_output_0", "share": 0.0031}],
            "n": 200,
        },
    }


def _data(role: str, n: int) -> dict[str, Any]:
    return {
        "name": f"images-{role}",
        "kind": "images",
        "n": n,
        "sha256": digest(role),
        "selection": f"first {n} after the seeded shuffle, seed 0",
        "labelled": True,
    }


def _machine_facts() -> dict[str, str]:
    return {
        "cpu_model": "Intel Xeon Platinum 8481C",
        "isa_flags": "avx2 avx512f avx512_vnni",
        "cores": "2",
        "memory": "7.8 GiB",
        "os": "Linux 6.1, Debian 12",
        "power_mode": "performance governor",
    }


def _runs() -> list[dict[str, Any]]:
    ort = {"onnxruntime": "1.31.1", "onnx": "1.22.0", "numpy": "2.4.6", "python": "3.11.7"}
    vino = {"openvino": "2026.4.1", "onnx": "1.22.0", "numpy": "2.4.6", "python": "3.11.7"}
    return [
        _reference("reference", 0.564, None),
        _reference("simulated", 0.561, (-0.3, -0.7, 0.1)),
        _float("ort_cpu", ORT, 412.0, ort),
        _int8("ort_cpu", ORT, 1154.0, (-0.2, -0.6, 0.2), (2.8, 2.72, 2.87), (1.9, 1.86, 1.95), ort),
        _float("openvino", OPENVINO, 607.0, vino),
        _int8("openvino", OPENVINO, 1821.0, (-0.9, -1.6, -0.2), (3.0, 2.91, 3.08), (3.0, 2.91, 3.08), vino),
        _broken("ort_tensorrt", CRASHY, "crashed", _crash()),
        _broken("coreml", COREML, "not_available", _needs_mac()),
    ]


def _base(runtime: str, label: str, precision: str, status: str = "ok") -> dict[str, Any]:
    return {
        "runtime": runtime,
        "label": label,
        "candidate": "model",
        "precision": precision,
        "machine": MACHINE,
        "threads": 1,
        "batch": 1,
        "status": status,
        "n": N if status == "ok" else 0,
    }


def _accuracy(value: float) -> dict[str, Any]:
    return {"metric": "top1", "value": value, "interval": [value - 0.0217, value + 0.0217]}


def _estimate(triple: tuple[float, float, float]) -> dict[str, Any]:
    return {"value": triple[0], "interval": list(triple[1:]), "n": N}


def _reference(precision: str, accuracy: float, change: tuple[float, float, float] | None) -> dict[str, Any]:
    label = "FP32 reference" if precision == "reference" else "Simulated"
    run = {**_base("reference", label, precision), "accuracy": _accuracy(accuracy)}
    run["outputs_sha256"] = digest(precision)
    if change:
        run.update(accuracy_change_points=_estimate(change), sqnr_db=16.0, nmse=10**-1.6, plan_sha256=digest("plan"))
        run.update(_error_intervals(16.0))
        run.update(top1_agreement={"value": 0.832, "interval": [0.815, 0.848], "n": N})
        run.update(answers_changed=_changes(336))
    return run


def _error_intervals(sqnr_db: float) -> dict[str, Any]:
    low, high = sqnr_db - 0.14, sqnr_db + 0.15
    return {"sqnr_db_interval": [low, high], "nmse_interval": [10 ** (-high / 10), 10 ** (-low / 10)]}


def _changes(changed: int) -> dict[str, int]:
    return {"changed": changed, "right_to_wrong": 71, "wrong_to_right": 67, "wrong_to_other": changed - 138}


def _throughput(rate: float) -> dict[str, Any]:
    return {
        "sustained": rate,
        "interval": [rate * 0.991, rate * 1.007],
        "first_5s": rate * 1.02,
        "peak": rate * 1.05,
        "label": "SUSTAINED",
        "warm_up_s": 2.4,
        "warm_up_runs": 900,
        "windows_per_s": [rate] * 58,
        "answers_checked": 58,
        "answers_differing": 0,
        "conditions": {"scenario": "SingleStream", "interleaving": "blocks of 5 s"},
    }


def _float(runtime: str, label: str, rate: float, versions: dict[str, str]) -> dict[str, Any]:
    return {
        **_base(runtime, label, "fp32"),
        "accuracy": _accuracy(0.564),
        "throughput_per_s": _throughput(rate),
        "latency_ms": {
            "p50": 1000 / rate,
            "p90": 1080 / rate,
            "p99": 1200 / rate,
            "n": 24000,
            "p50_interval": [998 / rate, 1002 / rate],
            "p90_interval": [1076 / rate, 1085 / rate],
            "p99_interval": [1185 / rate, 1221 / rate],
        },
        "versions": versions,
        "artifact_bytes": 1_900_000,
        "load_s": 0.021,
        "build_s": 0.4,
        "peak_rss_bytes": 190_000_000,
        "outputs_sha256": digest(f"{label} fp32"),
    }


def _int8(
    runtime: str,
    label: str,
    rate: float,
    change: tuple[float, float, float],
    own: tuple[float, float, float],
    fastest: tuple[float, float, float],
    versions: dict[str, str],
) -> dict[str, Any]:
    run = {
        **_float(runtime, label, rate, versions),
        "precision": "int8",
        "accuracy": _accuracy(0.564 + change[0] / 100),
        "accuracy_change_points": _estimate(change),
        "mcnemar_p": 0.31,
        "mcnemar_p_holm": 0.62,
        "top1_agreement": {"value": 0.829, "interval": [0.812, 0.845], "n": N},
        "answers_changed": _changes(342),
        "sqnr_db": 15.8,
        "nmse": 0.0263,
        **_error_intervals(15.8),
        "kl_mean": 0.061,
        "int8_mac_share": 0.998,
        "plan_sha256": digest("plan"),
        "artifact_sha256": digest(label),
        "artifact_bytes": 560_000,
        "outputs_sha256": digest(f"{label} int8"),
        "parity": {"checked": 113, "mismatches": []},
    }
    noise = 3e-5 if runtime == "ort_cpu" else 4.1e-3
    run["divergence"] = {
        "scheme_nmse": 0.0251,
        "execution_nmse": noise,
        "platform_nmse": noise * 1e-8 if runtime == "ort_cpu" else 1e-13,
        "total_nmse": 0.0263,
    }
    run["speedup"] = [_speedup("own_fp32", f"{label} FP32", own), _speedup("fastest_float", "OpenVINO FP32", fastest)]
    if runtime == "openvino":
        run["deviations"] = [_deviation()]
    return run


def _speedup(baseline: str, label: str, triple: tuple[float, float, float]) -> dict[str, Any]:
    return {
        "baseline": baseline,
        "baseline_label": label,
        "value": triple[0],
        "interval": list(triple[1:]),
        "interleaved": True,
        "windows": [58, 58],
    }


def _deviation() -> dict[str, Any]:
    return {
        "node": "/features/4/add/Add",
        "requested": "rounding after the convolution",
        "realised": "rounding after the sum only",
        "reason": "OpenVINO fuses Conv and Add",
        "codes_change": True,
    }


def _broken(runtime: str, label: str, status: str, problem: dict[str, Any]) -> dict[str, Any]:
    return {**_base(runtime, label, "int8", status), "problem": problem}


def _crash() -> dict[str, Any]:
    return {
        "message": "The worker died while building the engine",
        "remedy": "See the last log lines; the rest of the study is complete.",
        "signal": "SIGSEGV",
        "log_tail": ["loading /home/jane/models/engine.plan", "segmentation fault"],
    }


def _needs_mac() -> dict[str, Any]:
    return {"message": "Core ML needs macOS; the package is built here", "remedy": "Run the bundle on a Mac."}


def _verdicts() -> list[dict[str, Any]]:
    common = {"gate": "max_accuracy_drop_points", "candidate": "model", "limit": 1.0}
    return [
        {**common, "label": ORT, "verdict": "PASS", "value": -0.2, "interval": [-0.6, 0.2], "text": "within 1 point"},
        {
            **common,
            "label": OPENVINO,
            "verdict": "CANNOT TELL",
            "value": -0.9,
            "interval": [-1.6, -0.2],
            "text": "the interval holds the limit",
            "needs_n": 4861,
        },
    ]


def _disagreement() -> dict[str, Any]:
    return {
        "candidate": "model",
        "precision": "int8",
        "label_a": ORT,
        "label_b": OPENVINO,
        "n": N,
        "answers_differ": 31,
        "nmse": 0.004,
        "sqnr_db": 24.0,
    }


def two_candidates() -> Result:
    """The ordinary result with a second candidate, a student model, on ONNX Runtime."""
    document = ordinary_document()
    document["candidates"].append({**_candidate(), "name": "student", "model_sha256": digest("student")})
    for run in [run for run in document["runs"] if run["label"] == ORT]:
        document["runs"].append({**run, "candidate": "student"})
    document["verdicts"].append({**document["verdicts"][0], "candidate": "student"})
    return Result.model_validate(document)
