"""Runs a job of INT8 Workbench on this machine: python runner.py [-o result.zip].

Needs Python 3.9 or newer, numpy, and the runtime the job is for; nothing of INT8 Workbench. It checks every file
against job.json, answers all samples, times the models in turns, and writes the answers, every latency and facts of
the machine (no host name, user or path) into result.zip. Exit codes: 0 all ran; 1 a file was changed or is damaged;
4 the runtime is missing, or a model did not run.

Timing follows the same rules as INT8 Workbench's own: found warm-up, blocks that take turns, one latency per run.
"""

from __future__ import annotations

import argparse
import atexit
import hashlib
import importlib.util
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from array import array
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

try:
    import numpy as np
except ImportError:
    sys.exit(print("runner: numpy is missing: pip install numpy", file=sys.stderr) or 4)

RUNNER_VERSION = 1
JOB_VERSION = 1
CHECK_EVERY, TIMED_BATCHES, TIMED_BYTES = 64, 16, 64 * 2**20
MIN_RUNS, MIN_S, MAX_S, RECHECK_NS = 10, 2.0, 10.0, 250_000_000
ISA_FLAGS = {
    "sse4.2": ("sse4_2",), "avx2": ("avx2",), "fma": ("fma",), "f16c": ("f16c",), "avx512f": ("avx512f",),
    "avx512bw": ("avx512bw",), "avx512_vnni": ("avx512_vnni", "avx512vnni"), "avx512_bf16": ("avx512_bf16",),
    "avx512_fp16": ("avx512_fp16",), "avx_vnni": ("avx_vnni",), "avx_vnni_int8": ("avx_vnni_int8",),
    "amx_int8": ("amx_int8",), "amx_bf16": ("amx_bf16",), "neon": ("asimd", "neon", "advsimd"),
    "dotprod": ("asimddp", "feat_dotprod"), "i8mm": ("i8mm", "feat_i8mm"), "sve": ("sve",),
}  # fmt: skip


class RefusedError(Exception):
    """The job cannot be believed: exit code 1."""


class MissingError(Exception):
    """What the job needs is not on this machine: exit code 4."""


# --- the job --------------------------------------------------------------------------------------


def read_job(folder):
    """Return job.json and the SHA-256 of its bytes. Raises RefusedError."""
    try:
        data = (folder / "job.json").read_bytes()
        job = json.loads(data)
        version = job["schema_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RefusedError("job.json is missing or damaged: unpack the bundle again") from error
    if version != JOB_VERSION:
        raise RefusedError(f"job.json has version {version}, this runner reads {JOB_VERSION}")
    return job, hashlib.sha256(data).hexdigest()


def check_files(folder, job):
    """See that every file is what was bundled. Raises RefusedError, which names the first that is not."""
    for name, known in job["files"].items():
        path = folder / name
        if not path.is_file():
            raise RefusedError(f"{name} is missing: unpack the bundle again")
        if path.stat().st_size != known["bytes"] or sha256_of(path) != known["sha256"]:
            raise RefusedError(f"{name} is not what was bundled: its SHA-256 differs. Copy the bundle again")


def sha256_of(path):
    """Return the SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for piece in iter(lambda: stream.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


# --- runtimes: is it here, which versions, open a model -------------------------------------------


class OnnxRuntime:
    """ONNX Runtime with the provider that the job's runtime stands for."""

    PROVIDERS = {
        "ort_cpu": "CPUExecutionProvider",
        "ort_cuda": "CUDAExecutionProvider",
        "ort_tensorrt": "TensorrtExecutionProvider",
    }
    INTEGER = ("QGemm", "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QAttention")
    LEVELS = {"all": "ENABLE_ALL", "extended": "ENABLE_EXTENDED", "basic": "ENABLE_BASIC", "disable": "DISABLE_ALL"}

    def __init__(self, runtime):
        self.runtime, self.provider = runtime, self.PROVIDERS[runtime]

    def check(self):
        """Raise MissingError where ONNX Runtime or its provider is not here."""
        package = "onnxruntime" if self.runtime == "ort_cpu" else "onnxruntime-gpu"
        try:
            import onnxruntime as ort
        except ImportError as error:
            raise MissingError(f"ONNX Runtime is missing ({error}): pip install {package}") from error
        if self.provider not in ort.get_available_providers():
            raise MissingError(f"this ONNX Runtime has no {self.provider}: pip install {package}")
        if self.runtime != "ort_cpu" and hasattr(ort, "preload_dlls"):
            ort.preload_dlls()

    def versions(self):
        """Return the library's version."""
        import onnxruntime as ort

        return {"onnxruntime": ort.__version__}

    def open(self, cell, path):
        """Open a model; raises whatever ONNX Runtime raises, and RuntimeError for another provider."""
        session = self._session(cell, path, self._options(cell))
        if self.provider not in session.get_providers():
            raise RuntimeError(f"ONNX Runtime opened it on {session.get_providers()}, not on {self.provider}")
        names = [item.name for item in session.get_outputs()]
        return Session(lambda feeds: dict(zip(names, session.run(names, feeds))), self._facts(session), session)

    def kernels(self, cell, path, _session, feeds):
        """Return the kernels that ran once, from a profile of a second session."""
        if self.runtime != "ort_cpu":
            return []
        with TemporaryDirectory() as scratch:
            options = self._options(cell)
            options.enable_profiling, options.profile_file_prefix = True, str(Path(scratch) / "profile")
            session = self._session(cell, path, options)
            session.run(None, feeds)
            events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        ran = [event for event in events if event.get("cat") == "Node" and event["name"].endswith("_kernel_time")]
        return [self._kernel(event["name"][: -len("_kernel_time")], event["args"]) for event in ran]

    def _kernel(self, name, about):
        op = about["op_name"]
        integer = op in self.INTEGER or op.startswith("QLinear")
        device = about.get("provider", "").replace("ExecutionProvider", "")
        return {"nodes": [name], "op_type": op, "device": device, "precision": "int8" if integer else "fp32"}

    def _options(self, cell):
        import onnxruntime as ort

        settings, options = cell["settings"], ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = cell["threads"], 1
        level = "disable" if self.runtime == "ort_tensorrt" else settings.get("graph_optimization_level", "all")
        options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, "ORT_" + self.LEVELS[level])
        options.log_severity_level = 3
        spinning, precise = settings.get("allow_spinning", False), settings.get("x64_quant_precision", False)
        options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spinning else "0")
        if self.runtime == "ort_cpu":
            options.add_session_config_entry("session.x64quantprecision", "1" if precise else "0")
            options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
        return options

    def _session(self, cell, path, options):
        import onnxruntime as ort

        if self.runtime == "ort_cpu":
            barred = ["WeightBiasQuantization"]  # it would quantize weights that the plan leaves in float
            return ort.InferenceSession(str(path), options, providers=[self.provider], disabled_optimizers=barred)
        settings, tf32 = cell["settings"], "1" if cell["settings"].get("tf32") else "0"
        os.environ["NVIDIA_TF32_OVERRIDE"] = tf32
        cuda = ("CUDAExecutionProvider", {"device_id": str(settings.get("device", 0)), "use_tf32": tf32})
        providers = [cuda] if self.runtime == "ort_cuda" else [(self.provider, self._tensorrt(cell)), cuda]
        return ort.InferenceSession(str(path), options, providers=providers)

    def _tensorrt(self, cell):
        settings, precision = cell["settings"], cell["precision"]
        half = precision == "fp16" or (precision == "int8" and settings.get("remainder") == "fp16")
        shape = ",".join(
            "{}:{}".format(item["name"], "x".join(str(size) for size in [cell["batch"], *item["shape"][1:]]))
            for item in cell["inputs"]
        )
        keys = ("trt_profile_min_shapes", "trt_profile_opt_shapes", "trt_profile_max_shapes")
        return {
            "device_id": str(settings.get("device", 0)),
            "trt_int8_enable": "1" if precision == "int8" else "0",
            "trt_fp16_enable": "1" if half else "0",
            "trt_builder_optimization_level": str(settings.get("builder_level", 3)),
            **dict.fromkeys(keys, shape),
        }

    def _facts(self, session):
        options = session.get_session_options()
        return {
            "providers": ", ".join(session.get_providers()),
            "intra_op_threads": str(options.intra_op_num_threads),
            "graph_optimization_level": options.graph_optimization_level.name,
        }


class OpenVino:
    """OpenVINO on the CPU, in float32 where a model is not quantized."""

    LINEAR = ("Convolution", "Deconvolution", "FullyConnected", "MatMul", "RNNSeq", "RNNCell")
    NAMES = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "i8": "int8", "u8": "int8"}

    def check(self):
        """Raise MissingError where OpenVINO is not here."""
        sys.modules.setdefault("openvino_telemetry", None)  # OpenVINO then does without: it would report its use
        try:
            import openvino  # noqa: F401
        except ImportError as error:
            raise MissingError(f"OpenVINO is missing ({error}): pip install openvino") from error

    def versions(self):
        """Return the library's version."""
        import openvino

        return {"openvino": openvino.get_version().split("-")[0]}

    def open(self, cell, path):
        """Compile a model for the job's batch; raises whatever OpenVINO raises."""
        compiled = self._compile(cell, path, {})
        broken = cell["precision"] == "int8" and self._has_linear_subgraphs(cell, compiled)
        if broken:  # such generated subgraphs give wrong answers; without them the model runs as planned
            compiled = self._compile(cell, path, {"SNIPPETS_MODE": "DISABLE"})
        request = compiled.create_infer_request()
        names = [(item["name"], self._port(compiled.outputs, item["name"])) for item in cell["outputs"]]

        def run(feeds):
            results = request.infer(feeds, share_inputs=False, share_outputs=False)
            return {name: results[port] for name, port in names}

        hint = str(compiled.get_property("INFERENCE_PRECISION_HINT"))
        facts = {"inference_precision_hint": hint, "generated_subgraphs": "off" if broken else "on"}
        return Session(run, facts, compiled)

    def kernels(self, _cell, _path, session, _feeds):
        """Return the ops of the runtime model, each with the layers it came from."""
        ops = session.handle.get_runtime_model().get_ordered_ops()
        told = [op for op in ops if self._info(op, "layerType") not in ("Const", "Input", "Output")]
        return [self._kernel(op) for op in told]

    def _kernel(self, op):
        types = [str(value.get_element_type().get_type_name()) for value in op.input_values()][:2]
        layer, kind = self._info(op, "layerType"), self._info(op, "runtimePrecision")
        integer = layer in self.LINEAR and len(types) == 2 and all(name in ("i8", "u8") for name in types)
        known = self.NAMES.get(kind, kind)
        precision = "int8" if integer else "fp32" if layer in self.LINEAR and known == "int8" else known
        nodes = self._info(op, "originalLayersNames").split(",")
        return {"nodes": nodes, "op_type": layer, "device": "CPU", "precision": precision}

    def _compile(self, cell, path, more):
        import openvino

        core = openvino.Core()
        model = core.read_model(str(path))
        shapes = {}
        for port in model.inputs:
            shape = list(port.partial_shape)
            if shape and shape[0].is_dynamic:
                shape[0] = cell["batch"]
            shapes[port] = shape
        model.reshape(shapes)
        config = {
            "INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "ACCURACY", "PERFORMANCE_HINT": "LATENCY",
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0, "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": cell["threads"],
            "ENABLE_CPU_PINNING": bool(cell["settings"].get("cpu_pinning", False)), **more,
        }  # fmt: skip
        return core.compile_model(model, "CPU", config)

    def _has_linear_subgraphs(self, cell, compiled):
        ops = compiled.get_runtime_model().get_ordered_ops()
        inside = [self._info(op, "originalLayersNames") for op in ops if self._info(op, "layerType") == "Subgraph"]
        names = [name for text in inside for name in text.split(",")]
        return any(name == node or name.startswith(node + "/") for name in names for node in cell["linear_nodes"])

    @staticmethod
    def _info(op, key):
        value = op.get_rt_info()[key]
        return str(value.astype(str)) if hasattr(value, "astype") else str(value)

    @staticmethod
    def _port(ports, name):
        return next(port for port in ports if name in port.names)


class CoreMl:
    """Core ML through coremltools, on macOS."""

    def check(self):
        """Raise MissingError, which names everything that is missing."""
        missing = [] if sys.platform == "darwin" else [f"Core ML runs on macOS alone, this is {platform.system()}"]
        if importlib.util.find_spec("coremltools") is None:
            missing.append("coremltools is missing: pip install coremltools (it needs Python 3.13 or older)")
        if missing:
            raise MissingError("; ".join(missing))

    def versions(self):
        """Return the library's version."""
        import coremltools

        return {"coremltools": coremltools.__version__}

    def open(self, cell, path):
        """Compile and load a package for the row's compute units; raises whatever Core ML raises."""
        import coremltools as ct

        units = str(cell["settings"].get("compute_units", "all"))
        names = json.loads(path.with_name(path.name + ".names.json").read_text(encoding="utf-8"))
        folder = mkdtemp(prefix="int8-coreml-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        began = time.perf_counter()
        compiled = ct.models.utils.compile_model(str(path), str(Path(folder) / f"{path.stem}.mlmodelc"))
        spent = time.perf_counter() - began
        model = ct.models.CompiledMLModel(compiled, compute_units=getattr(ct.ComputeUnit, units.upper()))

        def run(feeds):
            takes, gives = names["inputs"], names["outputs"]
            found = model.predict({item["name"]: self._fed(feeds[name]) for name, item in takes.items()})
            return {
                name: np.array(found[item["name"]], dtype=item["dtype"]).reshape(item["shape"])
                for name, item in gives.items()
            }

        facts = {"compute_units": units, "compile_s": f"{spent:.3f}", **self._preferred(compiled, units)}
        return Session(run, facts, model)

    def kernels(self, _cell, _path, _session, _feeds):
        """Core ML tells what it prefers before a run (see facts), not which kernels ran."""
        return []

    @staticmethod
    def _fed(values):
        """Return an array as Core ML takes it: float32, float16 or int32, with at least one axis."""
        kind = values.dtype if values.dtype in (np.float32, np.float16) else np.dtype(np.int32)
        return np.ascontiguousarray(values.reshape(values.shape or (1,)), dtype=kind)

    @staticmethod
    def _preferred(compiled, units):
        """Return how many operations Core ML prefers to run where; {} where it does not tell."""
        import coremltools as ct

        try:
            from coremltools.models.compute_plan import MLComputePlan

            plan = MLComputePlan.load_from_path(compiled, compute_units=getattr(ct.ComputeUnit, units.upper()))
            ops = plan.model_structure.program.functions["main"].block.operations
            usages = [plan.get_compute_device_usage_for_mlprogram_operation(op) for op in ops]
        except Exception as error:
            return {"placement_source": f"MLComputePlan did not answer: {type(error).__name__}"}
        devices = [type(usage.preferred_compute_device).__name__ for usage in usages if usage]
        counts = {name: devices.count(name) for name in devices}
        told = ", ".join(f"{name[2:].replace('ComputeDevice', '')}: {count}" for name, count in counts.items())
        return {"placement_source": "MLComputePlan: preference before the run", "operations_by_device": told}


RUNTIMES = {
    "ort_cpu": lambda: OnnxRuntime("ort_cpu"),
    "ort_cuda": lambda: OnnxRuntime("ort_cuda"),
    "ort_tensorrt": lambda: OnnxRuntime("ort_tensorrt"),
    "openvino": OpenVino,
    "coreml": CoreMl,
}


class Session:
    """An opened model: run(feeds) -> outputs by name, what it tells of itself, and the runtime's own object."""

    def __init__(self, run, facts, handle):
        self.run, self.facts, self.handle = run, facts, handle


# --- samples and answers --------------------------------------------------------------------------


class Samples:
    """The bundled inputs, batch by batch; of a recurrent model frame by frame, with the state handed on."""

    def __init__(self, folder, job):
        self.n, self.frames, self.state = job["n"], job["frames"], job["state"]
        self.arrays = {item["name"]: np.load(folder / item["path"], mmap_mode="r") for item in job["inputs"]}
        self.start = {item["name"]: np.load(folder / item["path"]) for item in job["start"]}
        self._carried = {}

    def batches(self, batch):
        """Yield (number, first sample, samples, feeds); the last batch is filled up with its last sample."""
        for number, start in enumerate(range(0, self.n, batch)):
            size = min(batch, self.n - start)
            yield number, start, size, {name: self._rows(x, start, size, batch) for name, x in self.arrays.items()}

    def with_state(self, start, feeds):
        """Return a run's feeds with the state before frame `start`."""
        if not self.state:
            return feeds
        sequence, position = divmod(start, self.frames)
        if position == 0:
            self._carried = {name: x[sequence if len(x) > 1 else 0] for name, x in self.start.items()}
        return {**feeds, **self._carried}

    def keep(self, outputs):
        """Take the state out of a run's outputs."""
        if self.state:
            self._carried = {name: outputs[output] for name, output in self.state.items()}

    @staticmethod
    def _rows(values, start, size, batch):
        rows = np.array(values[start : start + size])
        short = batch - size
        return np.ascontiguousarray(np.concatenate([rows, np.repeat(rows[-1:], short, axis=0)]) if short else rows)


class Answers:
    """The outputs of one model in .npy files: one row per sample, or one per run where an output has no batch axis."""

    def __init__(self, folder, outputs, n, batch):
        folder.mkdir(parents=True)
        self.folder, self.names, self.n, self.batch = folder, [item["name"] for item in outputs], n, batch
        self.maps, self.per_sample = {}, {}

    def store(self, outputs, run, start, size):
        """Write one run's outputs. Raises RuntimeError where one is missing or changes its form."""
        for number, name in enumerate(self.names):
            if name not in outputs:
                raise RuntimeError(f"the model gave no output {name}; it gave {', '.join(outputs)}")
            value = np.asarray(outputs[name])
            if name not in self.maps:
                per_sample = value.ndim > 0 and value.shape[0] == self.batch
                rows = (self.n, *value.shape[1:]) if per_sample else (-(-self.n // self.batch), *value.shape)
                path = self.folder / f"{number}.npy"
                self.maps[name] = np.lib.format.open_memmap(path, "w+", dtype=value.dtype, shape=rows)
                self.per_sample[name] = per_sample
            kept = self.maps[name]
            if self.per_sample[name]:
                kept[start : start + size] = value[:size]
            else:
                kept[run] = value

    def equal(self, outputs, run, start, size):
        """Whether a later run's outputs are the stored ones, bit by bit."""
        for name, kept in self.maps.items():
            value = np.asarray(outputs[name])
            stored, found = (kept[start : start + size], value[:size]) if self.per_sample[name] else (kept[run], value)
            if np.asarray(stored).tobytes() != found.tobytes():
                return False
        return True

    def described(self):
        """Bring everything to the disk; return names and forms as JSON."""
        for kept in self.maps.values():
            kept.flush()
        return [
            {"name": name, "path": f"outputs/{number}.npy", "dtype": str(self.maps[name].dtype),
             "shape": list(self.maps[name].shape), "per_sample": self.per_sample[name]}
            for number, name in enumerate(self.names)
        ]  # fmt: skip


# --- timing: the rules of INT8 Workbench's own clocks ---------------------------------------------


def is_steady(latencies):
    """Whether the later half (by time) has settled: its halves' medians differ by at most 2 %, or three errors."""
    elapsed = np.cumsum(latencies)
    late = latencies[np.searchsorted(elapsed, elapsed[-1] / 2) :].astype(np.float64)
    if late.size < 4:
        return False
    first, second = late[: late.size // 2], late[late.size // 2 :]
    shift = abs(float(np.median(second) - np.median(first)))
    noise = 3 * math.hypot(_median_error(first), _median_error(second))
    return shift <= max(0.02 * float(np.median(first)), noise)


def _median_error(values):
    spread = float(np.median(np.abs(values - np.median(values))))
    return 1.2533 * 1.4826 * spread / math.sqrt(values.size)


def warm_up(run_once, min_runs=MIN_RUNS, min_s=MIN_S, max_s=MAX_S):
    """Run until the latency is steady, at least min_runs and min_s, at most max_s.

    Returns (seconds, latencies in ns, steady).
    """
    latencies, clock = array("q"), time.perf_counter_ns
    start = now = clock()
    check, steady = start + int(min_s * 1e9), False
    while not steady and (not latencies or now < start + max_s * 1e9):
        before = clock()
        run_once()
        now = clock()
        latencies.append(now - before)
        if now >= check and len(latencies) >= min_runs:
            steady = bool(is_steady(np.array(latencies, np.int64)))
            check = now + RECHECK_NS
    return (now - start) / 1e9, np.array(latencies, np.int64), steady


def run_block(run_once, seconds, between=None, every=CHECK_EVERY):
    """Run back to back for `seconds`; `between` comes after every 64th run, its time does not count.

    Returns (start, wall time, latencies) in ns.
    """
    latencies, clock = array("q"), time.perf_counter_ns
    start = end = clock()
    deadline, paused = start + int(seconds * 1e9), 0
    while True:
        before = clock()
        run_once()
        end = clock()
        latencies.append(end - before)
        if end >= deadline:
            break
        if between is not None and len(latencies) % every == 0:
            between()
            pause = clock() - end
            deadline, paused = deadline + pause, paused + pause
    return start, end - start - paused, np.array(latencies, np.int64)


class Load:
    """What else kept the machine busy, as a context manager; `report` is None where nothing tells.

    Linux tells by itself, other systems where psutil is there.
    """

    def __init__(self):
        self.report, self._stop = None, threading.Event()
        self._seen = [_usage()]
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        if self._seen[0]:
            self._thread.start()
        return self

    def __exit__(self, *_error):
        if not self._seen[0]:
            return
        self._stop.set()
        self._thread.join()
        self._seen.append(_usage())
        first, last, cores = self._seen[0], self._seen[-1], os.cpu_count() or 1
        seconds = max(last[0] - first[0], 1e-9)
        spans = [(a, b) for a, b in zip(self._seen, self._seen[1:]) if b[0] - a[0] >= 0.5]
        mean = _others(first, last, cores)
        self.report = {
            "others_mean": mean, "others_peak": max([mean] + [_others(a, b, cores) for a, b in spans]),
            "steal": max(0.0, (last[2] - first[2]) / (seconds * cores)), "seconds": seconds, "cores": cores,
        }  # fmt: skip

    def _watch(self):
        while not self._stop.wait(1.0):
            self._seen.append(_usage())


def _usage():
    """Return (time, busy, stolen, own) in s, or None where the system does not tell."""
    own = sum(os.times()[:4])
    try:
        with open("/proc/stat", encoding="ascii") as stream:
            ticks = [int(value) / os.sysconf("SC_CLK_TCK") for value in stream.readline().split()[1:9]]
        return time.monotonic(), sum(ticks[:3]) + ticks[5] + ticks[6], ticks[7], own
    except (OSError, ValueError, IndexError, AttributeError):
        pass
    try:
        import psutil
    except ImportError:
        return None
    times = psutil.cpu_times()
    return time.monotonic(), times.user + times.system + getattr(times, "nice", 0.0), 0.0, own


def _others(before, after, cores):
    used = (after[1] - before[1]) - (after[3] - before[3])
    return min(1.0, max(0.0, used / (max(after[0] - before[0], 1e-9) * cores)))


class Timed:
    """The runs of the timed part: the first batches in turn, held in memory, with a check of the last answer."""

    def __init__(self, session, samples, answers, batch):
        self.session, self.samples, self.answers = session, samples, answers
        self.checked = self.differing = 0
        self._kept, self._next, self._last, size = [], 0, {}, 0
        for part in samples.batches(batch):
            size += sum(value.nbytes for value in part[3].values())
            if self._kept and (len(self._kept) == TIMED_BATCHES or size > TIMED_BYTES):
                break
            self._kept.append(part)

    def run_once(self):
        """Run one batch; this is what is timed."""
        _, start, _, feeds = self._kept[self._next]
        self._last = self.session.run(self.samples.with_state(start, feeds))
        self.samples.keep(self._last)
        self._next = (self._next + 1) % len(self._kept)

    def check(self):
        """Compare the last run's answers with those stored."""
        number, start, size, _ = self._kept[self._next - 1]
        self.checked += size
        self.differing += 0 if self.answers.equal(self._last, number, start, size) else size


# --- the whole job --------------------------------------------------------------------------------


class Cell:
    """One model of the job while it runs, and what is told of it."""

    def __init__(self, told, folder, out, job):
        self.told, self.path = told, folder / told["artifact"]
        self.cell = {**told, "inputs": job["inputs"], "outputs": job["outputs"]}
        self.folder = out / "cells" / str(told["number"])
        self.record = {"number": told["number"], "status": "ok", "message": "", "blocks": []}
        self.record.update(kernels=[], facts={})
        self.timed = None

    @property
    def title(self):
        """Words for progress."""
        return f"{self.told['label']} {self.told['candidate']} {self.told['precision']}"

    def guarded(self, step):
        """Do one step; a model that fails ends here, the others go on."""
        try:
            step()
        except Exception as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            self.record.update(status="failed", message=f"{type(error).__name__}: {lines[0]}"[:500])
            say(f"  {self.title} failed: {self.record['message']}")

    @property
    def ok(self):
        """Whether it has not failed so far."""
        return self.record["status"] == "ok"

    def answer(self, adapter, folder, job):
        """Open the model and answer every sample."""
        samples, batch = Samples(folder, job), self.told["batch"]
        start = time.perf_counter()
        session = adapter.open(self.cell, self.path)
        self.record["load_s"] = time.perf_counter() - start
        answers, spent, start, feeds = Answers(self.folder / "outputs", job["outputs"], samples.n, batch), [], 0.0, {}
        begun = time.perf_counter()
        for number, start, size, inputs in samples.batches(batch):
            feeds = samples.with_state(start, inputs)
            before = time.perf_counter()
            outputs = session.run(feeds)
            spent.append(time.perf_counter() - before)
            samples.keep(outputs)
            answers.store(outputs, number, start, size)
        self.record.update(
            first_inference_ms=spent[0] * 1000, n=samples.n, wall_s=time.perf_counter() - begun, run_s=sum(spent),
            outputs=answers.described(), facts=session.facts, answers_checked=0, answers_differing=0,
            kernels=adapter.kernels(self.cell, self.path, session, feeds),
        )  # fmt: skip
        self.timed = Timed(session, samples, answers, batch)

    def warm(self):
        """Warm the model up."""
        seconds, latencies, steady = warm_up(self.timed.run_once)
        np.save(self.folder / "warm_up.npy", latencies)
        self.record["warm_up"] = {"seconds": seconds, "runs": int(latencies.size), "steady": steady}

    def block(self, seconds):
        """Time one block."""
        with Load() as load:
            start_ns, wall_ns, latencies = run_block(self.timed.run_once, seconds, self.timed.check)
        self.timed.check()
        np.save(self.folder / f"block_{len(self.record['blocks'])}.npy", latencies)
        told = {"start_ns": start_ns, "wall_ns": wall_ns, "runs": int(latencies.size), "load": load.report}
        self.record["blocks"].append(told)
        self.record.update(answers_checked=self.timed.checked, answers_differing=self.timed.differing)


def run_job(adapter, job, folder, out):
    """Run all models of a job into the folder `out`; return their records."""
    cells = [Cell(told, folder, out, job) for told in job["cells"]]
    for cell in cells:
        say(f"Answering {job['n']} samples: {cell.title}")
        cell.guarded(lambda cell=cell: cell.answer(adapter, folder, job))
    seconds, rounds = job["measure"]["seconds"], job["measure"]["rounds"]
    timed = [cell for cell in cells if cell.ok] if rounds and seconds else []
    if timed:
        say(f"Timing {len(timed)} models in turns, {seconds:g} s each")
    for cell in timed:
        cell.guarded(cell.warm)
    for number in range(rounds if timed else 0):
        first = number % len(timed)
        for cell in [*timed[first:], *timed[:first]]:
            if cell.ok:
                cell.guarded(lambda cell=cell: cell.block(seconds / rounds))
    return [cell.record for cell in cells]


def write_result(path, out, job_bytes, document):
    """Write result.zip: job.json as it came, returned.json with every file's hash, the files."""
    names = sorted(item.relative_to(out).as_posix() for item in out.rglob("*") if item.is_file())
    table = {name: {"sha256": sha256_of(out / name), "bytes": (out / name).stat().st_size} for name in names}
    partial = path.with_name(path.name + ".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("job.json", job_bytes)
        archive.writestr("returned.json", json.dumps({**document, "files": table}, indent=1, allow_nan=False))
        for name in names:
            archive.write(out / name, name)
    partial.replace(path)


# --- facts of the machine, in the words of INT8 Workbench; no host name, user or path -------------


def machine_facts():
    """Return what a figure depends on; what this machine does not tell is left out."""
    facts = _linux_facts() if sys.platform == "linux" else _mac_facts() if sys.platform == "darwin" else _other_facts()
    step = _clock_step_ns()
    clock = time.get_clock_info("perf_counter")
    facts.update(
        kernel=platform.release(), architecture=platform.machine(),
        clock=f"{clock.implementation}; resolution {clock.resolution * 1e9:.0f} ns, smallest step {step} ns",
        python=f"{platform.python_implementation()} {platform.python_version()}",
    )  # fmt: skip
    return {key: value.strip() for key, value in facts.items() if value and value.strip()}


def _linux_facts():
    info = {}
    for line in _text("/proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        info.setdefault(key.strip().lower(), value.strip())
    release = dict(line.split("=", 1) for line in _text("/etc/os-release").splitlines() if "=" in line)
    listed = _output("lscpu").splitlines()
    model = [line.partition(":")[2].strip() for line in listed if line.startswith("Model name:")]
    total = [line.split()[1] for line in _text("/proc/meminfo").splitlines() if line.startswith("MemTotal:")]
    present = set((info.get("flags", "") + " " + info.get("features", "")).lower().split())
    power = {
        "governor": _text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "platform profile": _text("/sys/firmware/acpi/platform_profile"),
    }
    return {
        "os": release.get("PRETTY_NAME", "Linux").strip('"'),
        "cpu": info.get("model name") or info.get("hardware") or (model[0] if model else platform.processor()),
        "cores": _linux_cores(), "isa_flags": _isa(present),
        "memory": f"{int(total[0]) / 2**20:.1f} GiB" if total else "",
        "power_mode": ", ".join(f"{name} {value}" for name, value in power.items() if value),
        "virtualization": _virtualization(present),
        "gpu_driver": _text("/sys/module/nvidia/version"), "gpu": _nvidia_gpus(),
    }  # fmt: skip


def _linux_cores():
    logical = os.cpu_count() or 1
    folder = Path("/sys/devices/system/cpu")
    listed = {_text(path) for path in folder.glob("cpu[0-9]*/topology/core_cpus_list")}
    usable = len(os.sched_getaffinity(0))
    limited = f", {usable} usable" if usable != logical else ""
    return f"{len(listed) or 'unknown'} cores, {logical} threads{limited}"


def _virtualization(present):
    known = ("KVM", "VMware", "VirtualBox", "QEMU", "Hyper-V", "Virtual Machine", "HVM domU", "Google Compute Engine")
    product = _text("/sys/class/dmi/id/product_name").lower()
    name = _text("/sys/hypervisor/type") or next((name for name in known if name.lower() in product), "")
    words = [f"virtual machine ({name})" if name else "virtual machine"] if name or "hypervisor" in present else []
    inside = Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()
    return ", ".join(words + (["container"] if inside else []))


def _nvidia_gpus():
    files = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    lines = [line.partition(":") for path in files for line in _text(path).splitlines()]
    names = [value.strip() for key, _, value in lines if key.strip() == "Model"]
    counts = {name: names.count(name) for name in names}
    return ", ".join(name if count == 1 else f"{count} x {name}" for name, count in counts.items())


def _mac_facts():
    """Untested: sysctl and pmset as Apple documents them."""
    optional = [line.partition(":") for line in _output("sysctl", "hw.optional").splitlines()]
    present = {key.rpartition(".")[2].lower() for key, _, value in optional if value.strip() == "1"}
    low = [line.split()[-1] for line in _output("pmset", "-g").splitlines() if "lowpowermode" in line]
    memory, model = _output("sysctl", "-n", "hw.memsize"), _output("sysctl", "-n", "hw.model")
    cores, threads = _output("sysctl", "-n", "hw.physicalcpu"), _output("sysctl", "-n", "hw.logicalcpu")
    return {
        "os": f"macOS {platform.mac_ver()[0]}", "cpu": _output("sysctl", "-n", "machdep.cpu.brand_string"),
        "cores": f"{cores} cores, {threads} threads" if cores else "", "isa_flags": _isa(present),
        "memory": f"{int(memory) / 2**30:.1f} GiB" if memory.isdigit() else "", "model": model,
        "power_mode": f"low power mode {'on' if low[0] == '1' else 'off'}" if low else "",
    }  # fmt: skip


def _other_facts():
    system = f"{platform.system()} {platform.release()} {platform.version()}"
    return {"os": system, "cpu": platform.processor(), "cores": f"{os.cpu_count()} threads"}


def _isa(present):
    return " ".join(name for name, spellings in ISA_FLAGS.items() if present.intersection(spellings))


def _clock_step_ns():
    readings = [time.perf_counter_ns() for _ in range(1000)]
    return min((b - a for a, b in zip(readings, readings[1:]) if b > a), default=0)


def _text(path):
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _output(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def say(text):
    """Tell a person what happens."""
    print(text, flush=True)


def main(arguments=None):
    """Run the job in the runner's own folder, or in the one given; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).resolve().parent, help="unpacked bundle")
    parser.add_argument("-o", "--output", type=Path, default=Path("result.zip"), help="where the result goes")
    options = parser.parse_args(arguments)
    try:
        return _main(options.folder, options.output)
    except (RefusedError, MissingError) as error:
        print(f"runner: {' '.join(str(error).split())}", file=sys.stderr)
        return 1 if isinstance(error, RefusedError) else 4
    except OSError as error:
        print(f"runner: {error.strerror or error}", file=sys.stderr)
        return 1


def _main(folder, output):
    job, job_sha256 = read_job(folder)
    if job["runtime"] not in RUNTIMES:
        raise RefusedError(f"this runner knows {', '.join(RUNTIMES)}, not {job['runtime']}")
    adapter = RUNTIMES[job["runtime"]]()
    adapter.check()
    say(f"Checking {len(job['files'])} files")
    check_files(folder, job)
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with TemporaryDirectory(prefix="int8-job-") as scratch:
        out = Path(scratch)
        records = run_job(adapter, job, folder, out)
        document = {
            "schema_version": 1, "runner_version": RUNNER_VERSION, "job_sha256": job_sha256, "started_utc": started,
            "finished_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "session": uuid.uuid4().hex,
            "machine": machine_facts(), "versions": {**adapter.versions(), "numpy": np.__version__}, "cells": records,
        }  # fmt: skip
        write_result(output, out, (folder / "job.json").read_bytes(), document)
    failed = [record for record in records if record["status"] != "ok"]
    say(f"{len(records) - len(failed)} of {len(records)} models ran; {output} goes back")
    return 4 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
