"""Runs a job of INT8 Workbench on this machine: python runner.py [-o result.zip].

Needs Python 3.9 or newer, numpy, and the runtime the job is for; nothing of INT8 Workbench. It checks every file
against job.json, answers all samples, times the models in turns, and writes the answers, every latency and facts of
the machine (no host name, user or path) into result.zip. Exit codes: 0 all ran; 1 a file was changed or is damaged;
4 the runtime is missing, or a model did not run.

It knows no runtime: the job's elsewhere.py opens and runs a model, and is loaded only as the bytes that job.json names.
Timing follows the same rules as INT8 Workbench's own: found warm-up, blocks that take turns, one latency per run.
"""

from __future__ import annotations

import argparse
import hashlib
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
from tempfile import TemporaryDirectory
from types import ModuleType

try:
    import numpy as np
except ImportError:
    sys.exit(print("runner: numpy is missing: pip install numpy", file=sys.stderr) or 4)

RUNNER_VERSION, RETURNED_VERSION = 2, 2
JOB_VERSIONS = (1, 2)
JOB_NAME, RETURNED_NAME = "job.json", "returned.json"
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
    """Return job.json, parsed and as bytes. Raises RefusedError."""
    try:
        data = (folder / JOB_NAME).read_bytes()
        job = json.loads(data)
        version = job["schema_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RefusedError(f"{JOB_NAME} is missing or damaged: unpack the bundle again") from error
    if version not in JOB_VERSIONS:
        known = " and ".join(str(number) for number in JOB_VERSIONS)
        raise RefusedError(f"{JOB_NAME} has version {version}, this runner reads {known}")
    return job, data


def check_files(folder, job):
    """See that every file is what was bundled. Raises RefusedError, which names the first that is not."""
    for name in job["files"]:
        check_file(folder, job, name)


def check_file(folder, job, name):
    """See that one file is what was bundled. Raises RefusedError."""
    path, known = folder / name, job["files"].get(name)
    if known is None:
        raise RefusedError(f"{name} is not on the list of {JOB_NAME}: bundle it anew")
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


# --- the runtime: one file of the job, which its plugin wrote -------------------------------------


class Runtime:
    """The file that knows the runtime: probe() -> (versions, what is missing or None), open_model(artifact, options).

    What it opens has run(feeds) -> outputs by name, facts() -> texts, close(), and may have kernels(feeds) -> a list of
    {"nodes": names, "op_type": ..., "device": ..., "precision": ...}. What runs is `data`, never a cached form of it.
    """

    def __init__(self, name, data):
        self.sha256, module = hashlib.sha256(data).hexdigest(), ModuleType("int8_job_runtime")
        sys.modules[module.__name__] = module
        try:
            exec(compile(data, name, "exec"), module.__dict__)  # noqa: S102  (its hash was compared before)
            self._probe, self.open_model = module.probe, module.open_model
        except Exception as error:
            raise RefusedError(f"{name} does not load: {told_of(error)}") from error

    def versions(self):
        """Return the versions of what it runs on. Raises MissingError, which names what is not here."""
        try:
            versions, missing = self._probe()
        except Exception as error:
            raise MissingError(f"the runtime does not say whether it is here: {told_of(error)}") from error
        if missing:
            raise MissingError(missing)
        return {str(name): str(version) for name, version in versions.items()}


def load_runtime(folder, job, own):
    """Return the job's runtime: the file `own` where the program gave its own, else the bundled one, checked first."""
    if own is not None:
        return Runtime(own.name, own.read_bytes())
    name = job.get("elsewhere")
    if name is None:
        raise RefusedError(f"{JOB_NAME} is of an older program, whose own runner runs it: unpack the bundle again")
    check_file(folder, job, name)
    data = (folder / name).read_bytes()
    if hashlib.sha256(data).hexdigest() != job["files"][name]["sha256"]:
        raise RefusedError(f"{name} changed while it was read")
    return Runtime(name, data)


def told_of(error):
    """Return an error in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


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
        self.options = {
            "precision": told["precision"], "threads": told["threads"], "batch": told["batch"],
            "settings": told["settings"], "linear_nodes": told["linear_nodes"], "outputs": job["outputs"],
            "inputs": [_of_one_run(item, told["batch"]) for item in job["inputs"]]
            + [_of_one_run(item, None) for item in job["start"]],
        }  # fmt: skip
        self.folder = out / "cells" / str(told["number"])
        self.record = {"number": told["number"], "status": "ok", "message": "", "blocks": []}
        self.record.update(kernels=[], facts={})
        self.timed = self.model = None

    @property
    def title(self):
        """Words for progress."""
        return f"{self.told['label']} {self.told['candidate']} {self.told['precision']}"

    def guarded(self, step):
        """Do one step; a model that fails ends here, the others go on."""
        try:
            step()
        except Exception as error:
            self.record.update(status="failed", message=told_of(error)[:500])
            self.close()
            shutil.rmtree(self.folder, ignore_errors=True)  # half an answer is none
            say(f"  {self.title} failed: {self.record['message']}")

    @property
    def ok(self):
        """Whether it has not failed so far."""
        return self.record["status"] == "ok"

    def close(self):
        """Free the model, whatever it says to that."""
        model, self.model = self.model, None
        try:
            if model is not None:
                model.close()
        except Exception as error:
            say(f"  {self.title} did not close: {told_of(error)}")

    def answer(self, runtime, folder, job):
        """Open the model and answer every sample."""
        samples, batch = Samples(folder, job), self.told["batch"]
        start = time.perf_counter()
        session = self.model = runtime.open_model(self.path, self.options)
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
            outputs=answers.described(), answers_checked=0, answers_differing=0,
            facts={str(name): str(text) for name, text in session.facts().items()},
            kernels=list(session.kernels(feeds)) if hasattr(session, "kernels") else [],
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


def _of_one_run(item, batch):
    """Return name, dtype and shape of an input as one run gets it."""
    rest = item["shape"][1:]
    return {"name": item["name"], "dtype": item["dtype"], "shape": rest if batch is None else [batch, *rest]}


def run_job(runtime, job, folder, out):
    """Run all models of a job into the folder `out`; return their records."""
    cells = [Cell(told, folder, out, job) for told in job["cells"]]
    for cell in cells:
        say(f"Answering {job['n']} samples: {cell.title}")
        cell.guarded(lambda cell=cell: cell.answer(runtime, folder, job))
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
    for cell in cells:
        cell.close()
    return [cell.record for cell in cells]


def write_result(path, out, job_bytes, document):
    """Write result.zip: the job's list as it came, the result's with every file's hash, the files."""
    names = sorted(item.relative_to(out).as_posix() for item in out.rglob("*") if item.is_file())
    table = {name: {"sha256": sha256_of(out / name), "bytes": (out / name).stat().st_size} for name in names}
    partial = path.with_name(path.name + ".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(JOB_NAME, job_bytes)
        archive.writestr(RETURNED_NAME, json.dumps({**document, "files": table}, indent=1, allow_nan=False))
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
    parser.add_argument("--elsewhere", type=Path, help="open models by this file, not by the bundled one")
    options = parser.parse_args(arguments)
    try:
        return _main(options.folder, options.output, options.elsewhere)
    except (RefusedError, MissingError) as error:
        print(f"runner: {' '.join(str(error).split())}", file=sys.stderr)
        return 1 if isinstance(error, RefusedError) else 4
    except OSError as error:
        print(f"runner: {error.strerror or error}", file=sys.stderr)
        return 1


def _main(folder, output, own):
    job, job_bytes = read_job(folder)
    runtime = load_runtime(folder, job, own)
    versions = runtime.versions()
    say(f"Checking {len(job['files'])} files")
    check_files(folder, job)
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with TemporaryDirectory(prefix="int8-job-") as scratch:
        out = Path(scratch)
        records = run_job(runtime, job, folder, out)
        document = {
            "schema_version": RETURNED_VERSION, "runner_version": RUNNER_VERSION, "elsewhere_sha256": runtime.sha256,
            "job_sha256": hashlib.sha256(job_bytes).hexdigest(), "started_utc": started,
            "finished_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "session": uuid.uuid4().hex,
            "machine": machine_facts(), "versions": {**versions, "numpy": np.__version__}, "cells": records,
        }  # fmt: skip
        write_result(output, out, job_bytes, document)
    failed = [record for record in records if record["status"] != "ok"]
    say(f"{len(records) - len(failed)} of {len(records)} models ran; {output} goes back")
    return 4 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
