"""The sheet's fields, declared once: key, label, unit, kind, where it is read, whether it is required, help.

A value is JSON: text, a number, a list of texts, a mapping of texts, a figure {"value", "interval", "n"}, or
{"not_applicable": reason}. What nobody told is the text NOT_DISCLOSED.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from workbench.execution.result import Result, Run
from workbench.report import readers
from workbench.report.names import word_of
from workbench.report.readers import Reader, attribute, calibration, data, fact, if_quantized, latency, speedup, study

NOT_DISCLOSED = "NOT DISCLOSED"
Scope = Literal["study", "candidate", "machine", "run"]
SPEED = ("fp32", "fp16", "int8")
ALL = ("fp32", "fp16", "int8", "simulated", "reference")
INT8 = ("int8",)


@dataclass(frozen=True)
class Field:
    """One line of the sheet.

    Attributes:
        unit: what stands behind the figure in long exports; "" for text.
        kind: how the value is formatted, a key of formats.FORMATTERS.
        read: value from (Result | CandidateFacts | Machine | Run, Result); None where it is unknown.
        precisions: of runs only: the precisions that have the field at all.
    """

    key: str
    label: str
    unit: str
    kind: str
    scope: Scope
    required: bool
    read: Reader
    help: str
    precisions: tuple[str, ...] = ALL


def disclose(field: Field, source: Any, result: Result) -> Any:
    """Return the field's value, {"not_applicable": reason}, or NOT_DISCLOSED.

    Speed applies to every run on a device: a study that does not measure it has not disclosed it. INT8 that float
    kernels computed has no speed to disclose.
    """
    value = field.read(source, result)
    if value is None or value in ("", [], {}):
        reasons: dict[str, str] = getattr(source, "reasons", {})
        head = field.key.split(".")[0]
        owed = head in _SPEED_HEADS and not (isinstance(source, Run) and word_of(source))
        reason = "" if owed else reasons.get(field.key) or reasons.get(_REASON_OF.get(head, head))
        return {"not_applicable": reason} if reason else NOT_DISCLOSED
    return value


_SPEED_HEADS = ("throughput", "latency", "speedup")
_REASON_OF = dict.fromkeys(_SPEED_HEADS, "throughput_per_s")


def is_disclosed(value: Any) -> bool:
    """Return whether a value, or a reason why there is none, is given."""
    return value not in (None, "", NOT_DISCLOSED, [], {})


def fields_of(scope: Scope, precision: str = "") -> tuple[Field, ...]:
    """Return the fields of a scope in the order of the sheet; for runs those of one precision."""
    return tuple(
        field for field in FIELDS if field.scope == scope and (scope != "run" or precision in field.precisions)
    )


_STUDY = (
    Field("model.name", "Model", "", "text", "study", True, study(lambda r: r.model.name), "Name of the model."),
    Field("model.sha256", "Model SHA-256", "", "hash", "study", True, study(lambda r: r.model.sha256),
          "Hash of the model file and its external data."),
    Field("model.family", "Model family", "", "text", "study", True, study(lambda r: r.model.family),
          "convolutional, encoder, decoder, recurrent or other."),
    Field("model.format", "File format", "", "text", "study", False,
          study(lambda r: f"{r.model.format}, opset {r.model.opset}"), "Format and opset."),
    Field("model.notes", "Changed on reading", "", "list", "study", False,
          study(lambda r: list(r.model.notes) or "nothing, taken as given"),
          "Opset raised, import from PyTorch with its check against torch, and the like."),
    Field("model.parameters", "Parameters", "", "quantity", "study", False, study(lambda r: r.model.parameters),
          "Number of weights."),
    Field("model.macs", "Multiply-adds per sample", "", "quantity", "study", False, study(lambda r: r.model.macs),
          "Of convolutions and matrix products."),
    Field("model.compared_outputs", "Compared outputs", "", "list", "study", False,
          study(lambda r: r.model.compared_outputs), "Outputs that the divergence is measured on."),
    Field("model.state", "State fed back", "", "mapping", "study", False, study(lambda r: dict(r.model.state) or None),
          "Of a recurrent model: input, and the output that it gets at the frame before."),
    Field("calibration.name", "Calibration set", "", "text", "study", True, data("calibration", lambda d: d.name),
          "Name of the calibration set."),
    Field("calibration.n", "Calibration samples", "samples", "count", "study", True,
          data("calibration", lambda d: d.n), "Number of samples."),
    Field("calibration.sha256", "Calibration set SHA-256", "", "hash", "study", True,
          data("calibration", lambda d: d.sha256), "Hash of content and order."),
    Field("calibration.selection", "Calibration selection", "", "text", "study", True,
          data("calibration", lambda d: d.selection), "How the samples were chosen, with the seed."),
    Field("evaluation.name", "Evaluation set", "", "text", "study", True, data("evaluation", lambda d: d.name),
          "Name of the evaluation set."),
    Field("evaluation.n", "Evaluation samples", "samples", "count", "study", True, data("evaluation", lambda d: d.n),
          "Number of samples."),
    Field("evaluation.frames", "Frames per sequence", "", "count", "study", False,
          data("evaluation", lambda d: d.frames), "Of a recurrent model, whose samples are sequences."),
    Field("evaluation.sha256", "Evaluation set SHA-256", "", "hash", "study", True,
          data("evaluation", lambda d: d.sha256), "Hash of content and order."),
    Field("evaluation.selection", "Evaluation selection", "", "text", "study", True,
          data("evaluation", lambda d: d.selection), "How the samples were chosen, with the seed."),
    Field("evaluation.overlap", "Overlap with calibration", "", "text", "study", True, readers.overlap,
          "Samples of equal content in both sets."),
    Field("evaluation.undecodable", "Samples that could not be decoded", "", "text", "study", False,
          readers.undecodable, "Counted, never skipped silently."),
    Field("evaluation.resolution", "Resolution of the evaluation set", "points", "decimal", "study", False,
          study(lambda r: r.resolution_points), "Smallest change of accuracy that this set can tell from none."),
    Field("task.kind", "Task", "", "text", "study", True, study(lambda r: r.task.get("kind")),
          "classification, divergence, ..."),
    Field("task.metric", "Metric", "", "text", "study", True, readers.metric_or_reason, "Task metric."),
    Field("preprocess", "Preprocessing", "", "mapping", "study", True, readers.preprocess,
          "From file to model input."),
    Field("profile", "Measuring profile", "", "text", "study", True, study(lambda r: r.profile),
          "quick 5 s, standard 60 s, full 600 s, none: per cell."),
    Field("reproduce", "To reproduce", "", "text", "study", True, readers.reproduce, "Command, study and its hash."),
)  # fmt: skip

_CANDIDATE = (
    Field("scheme.requested", "Scheme requested", "", "text", "candidate", True,
          lambda c, _r: c.scheme_title, "The one logical scheme asked of every runtime."),
    Field("scheme.precision", "Precision format", "", "text", "candidate", True, readers.precision_format,
          "Number formats of weights and activations."),
    Field("scheme.tensors", "Tensors quantized", "", "text", "candidate", True, if_quantized(readers.tensors),
          "Weights, activations, KV cache."),
    Field("scheme.float_nodes", "Nodes left in float", "", "reasons", "candidate", True,
          if_quantized(readers.float_nodes), "With the reason of each."),
    Field("scheme.transforms", "Graph transforms", "", "list", "candidate", False, readers.transforms,
          "BatchNorm folds, bias correction and the like."),
    Field("scheme.plan_sha256", "Plan SHA-256", "", "hash", "candidate", True,
          if_quantized(readers.plan_sha256), "Hash of every scale, zero point, code and bias."),
    Field("calibration.method", "Calibration method", "", "text", "candidate", True, calibration("method"),
          "mse, minmax, percentile or entropy."),
    Field("calibration.parameters", "Calibration parameters", "", "mapping", "candidate", True,
          if_quantized(readers.calibration_parameters), "Those that have an effect."),
    Field("calibration.beyond_clip", "Evaluation values beyond the clip", "share", "share", "candidate", True,
          if_quantized(readers.beyond_clip), "How well calibration represents the evaluation set."),
    Field("calibration.worst_tensors", "Worst represented tensors", "", "list", "candidate", True,
          if_quantized(readers.worst_tensors), "Share of their values beyond the clip."),
)  # fmt: skip

_MACHINE = (
    Field("machine.cpu", "CPU model", "", "text", "machine", True, fact("cpu_model", "cpu"),
          "As the CPU names itself."),
    Field("machine.isa", "ISA flags", "", "text", "machine", True, fact("isa_flags", "cpu_flags", "isa"),
          "Instruction sets that INT8 kernels use."),
    Field("machine.cores", "Cores", "", "text", "machine", False, fact("cores", "cpu_count", "logical_cpus", "cpus"),
          "Available to the process."),
    Field("machine.memory", "Memory", "", "text", "machine", False, fact("memory", "memory_bytes"), "Of the machine."),
    Field("machine.accelerator", "Accelerator", "", "text", "machine", False, fact("gpu", "accelerator"),
          "GPU or NPU."),
    Field("machine.driver", "Driver", "", "text", "machine", True, readers.driver,
          "Driver of the accelerator; none on a CPU."),
    Field("machine.os", "Operating system", "", "text", "machine", True, fact("os", "platform"), "With its version."),
    Field("machine.kernel", "Kernel", "", "text", "machine", False, fact("kernel"), "Release of the kernel."),
    Field("machine.architecture", "Architecture", "", "text", "machine", False, fact("architecture"),
          "Instruction set family."),
    Field("machine.virtualization", "Virtualization", "", "text", "machine", False, fact("virtualization"),
          "Hypervisor or container, as far as the system tells."),
    Field("machine.clock", "Clock", "", "text", "machine", False, fact("clock"), "Behind every latency."),
    Field("machine.power_source", "Power source", "", "text", "machine", False, fact("power_source"),
          "Mains or battery."),
    Field("machine.power_mode", "Power mode", "", "text", "machine", True,
          fact("power_mode", "power", "governor", "cpu_governor"), "Governor, battery or mains."),
)  # fmt: skip

_RUN = (
    Field("realised", "Scheme realised", "", "list", "run", True, readers.deviations,
          "Every deviation: requested, realised, reason.", INT8),
    Field("int8_mac_share", "INT8 share of multiply-adds", "share", "share", "run", True, attribute("int8_mac_share"),
          "From what the runtime really built.", INT8),
    Field("float_leftovers", "Why not INT8-fast?", "", "list", "run", False, readers.leftovers,
          "Float ops between INT8 ops and their share of time.", INT8),
    Field("parity", "Same numbers in the artifact", "", "parity", "run", True, readers.parity,
          "Parameters read back from the artifact against the plan.", INT8),
    Field("accuracy", "Accuracy", "share", "share_figure", "run", True, readers.accuracy,
          "Task metric, interval at 95 %."),
    Field("accuracy_change_points", "Accuracy change", "points", "points", "run", True,
          readers.accuracy_change, "Against FP32, paired, interval at 95 %.",
          ("fp16", "int8", "simulated")),
    Field("top1_agreement", "Same answer as FP32", "share", "share_figure", "run", False,
          lambda run, _r: readers.figure(run.top1_agreement), "Share of equal top-1 answers."),
    Field("answers_changed", "Answers changed", "samples", "changes", "run", False, readers.changed,
          "Right to wrong, wrong to right, wrong to other."),
    Field("mcnemar_p_holm", "McNemar p (Holm)", "", "p_value", "run", False, attribute("mcnemar_p_holm"),
          "Corrected over the runtimes.", INT8),
    Field("sqnr_db", "SQNR on the compared outputs", "dB", "decibels", "run", True, readers.error("sqnr_db"),
          "10 log10(sum f^2 / sum (f-q)^2), interval at 95 % by paired bootstrap over samples.",
          ("fp16", "int8", "simulated")),
    Field("error_by_position", "SQNR by position in the sequence", "", "text", "run", False, readers.by_position,
          "Of a recurrent model: whether its error grows as its own state is fed back.", ("fp16", "int8", "simulated")),
    Field("nmse", "NMSE", "", "nmse_figure", "run", False, readers.error("nmse"),
          "sum (f-q)^2 / sum f^2, interval at 95 % by paired bootstrap over samples."),
    Field("divergence.scheme", "Error of the scheme", "NMSE", "nmse", "run", False, readers.divergence("scheme_nmse"),
          "FP32 against the simulated plan: the same for all runtimes.", INT8),
    Field("divergence.execution", "Error of the runtime's INT8", "NMSE", "nmse", "run", False,
          readers.divergence("execution_nmse"), "Simulated plan against this runtime.", INT8),
    Field("divergence.platform", "Error without quantization", "NMSE", "nmse", "run", False,
          readers.divergence("platform_nmse"), "FP32 reference against this runtime's float.", INT8),
    Field("divergence.total", "Total error", "NMSE", "nmse", "run", False, readers.divergence("total_nmse"),
          "FP32 reference against this runtime's INT8.", INT8),
    Field("throughput", "Sustained throughput", "samples/s", "throughput", "run", True, readers.throughput,
          "Median of steady windows of about 1 s, with its validity label.", SPEED),
    Field("throughput.label_reason", "Why this label", "", "text", "run", False,
          readers.of_throughput("label_reason"), "How long it was measured, or what disturbed it.", SPEED),
    Field("throughput.conditions", "Conditions of the speed figures", "", "mapping", "run", True, readers.conditions,
          "Batch, threads, scenario.", SPEED),
    Field("throughput.first_5s", "First 5 s", "samples/s", "significant", "run", False,
          readers.of_throughput("first_5s"), "Rate of the first 5 s after load.", SPEED),
    Field("throughput.peak", "Peak", "samples/s", "significant", "run", False, readers.of_throughput("peak"),
          "Never without the sustained figure.", SPEED),
    Field("throughput.answers", "Answers during the timed run", "", "text", "run", False, readers.answers_checked,
          "Accuracy and speed come from one session.", SPEED),
    Field("speedup.own_fp32", "Against its own FP32", "ratio", "ratio", "run", True, speedup("own_fp32"),
          "Same runtime, same machine, steady windows on both sides.", INT8),
    Field("speedup.own_fp16", "Against its own FP16", "ratio", "ratio", "run", False, speedup("own_fp16"),
          "Where the device has it.", INT8),
    Field("speedup.fastest_float", "Against the fastest float here", "ratio", "ratio", "run", True,
          speedup("fastest_float"), "Fastest float run on this machine, steady windows on both sides.", INT8),
    Field("latency.p50", "Latency P50", "ms", "latency", "run", True, latency("p50"),
          "Per run of one batch, interval at 95 % from order statistics.", SPEED),
    Field("latency.p90", "Latency P90", "ms", "latency", "run", True, latency("p90"),
          "Above its floor of 64 runs, interval at 95 % from order statistics.", SPEED),
    Field("latency.p99", "Latency P99", "ms", "latency", "run", False, latency("p99"),
          "Above its floor of 662 runs, interval at 95 % from order statistics.", SPEED),
    Field("load_s", "Load time", "s", "significant", "run", False, attribute("load_s"), "From file to session.", SPEED),
    Field("build_s", "Build time", "s", "significant", "run", False, attribute("build_s"), "Of the artifact.", SPEED),
    Field("first_inference_ms", "First inference", "ms", "significant", "run", False, attribute("first_inference_ms"),
          "After load.", SPEED),
    Field("peak_rss_bytes", "Peak memory", "bytes", "bytes", "run", False, attribute("peak_rss_bytes"),
          "Of the worker process.", SPEED),
    Field("artifact_bytes", "Artifact size", "bytes", "bytes", "run", False, attribute("artifact_bytes"),
          "What would be shipped.", SPEED),
    Field("artifact_sha256", "Artifact SHA-256", "", "hash", "run", False, attribute("artifact_sha256"),
          "What was measured.", SPEED),
    Field("outputs_sha256", "Outputs SHA-256", "", "hash", "run", False, attribute("outputs_sha256"),
          "Of all compared outputs."),
    Field("versions", "Tool-chain", "", "mapping", "run", True, attribute("versions"), "Complete versions.", SPEED),
    Field("facts", "Settings and device", "", "mapping", "run", False, attribute("facts"),
          "What the runtime reported about itself."),
)  # fmt: skip

FIELDS: tuple[Field, ...] = (*_STUDY, *_CANDIDATE, *_MACHINE, *_RUN)
BY_KEY: dict[tuple[str, str], Field] = {(field.scope, field.key): field for field in FIELDS}
