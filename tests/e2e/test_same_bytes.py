"""A plan made on one machine lowers on another to the same bytes, per runtime and target.

The other machine is a fresh process with another folder, locale, time zone, hash seed and text encoding, and with the
processor's wider instructions hidden from numpy and its matrix library.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from helpers import lowering
from helpers.onnx_models import Builder, concat_net, depthwise_net, random_feeds
from helpers.small_studies import run_command
from helpers.specification import planned

from workbench.files import sha256_of_file
from workbench.model.load import load_model, save_proto
from workbench.quant.plan import load_plan, save_plan

ROOT = Path(__file__).resolve().parents[2]
WANTED = ("ort_cpu:x64", "ort_cpu:x64-no-vnni", "ort_cpu:arm64", "openvino:x64")
HERE = {"PYTHONHASHSEED": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
ELSEWHERE = {
    "PYTHONHASHSEED": "4294967295",
    "LC_ALL": "C",
    "LANG": "C",
    "TZ": "Asia/Kathmandu",
    "PYTHONUTF8": "0",
    "OPENBLAS_CORETYPE": "Nehalem",
    "OMP_NUM_THREADS": "1",
}


def other_processor() -> dict[str, str]:
    """Hide every instruction set beyond numpy's baseline that this processor has."""
    core = np._core._multiarray_umath
    wide = [name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(wide)} if wide else {}


def lowered(folder: Path, model: Path, plan: Path, environment: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Copy model and plan to a folder of their own and lower them there, in a process of its own."""
    folder.mkdir(parents=True)
    copies = [Path(shutil.copy(path, folder)) for path in (model, plan, plan.with_suffix(".npz"))]
    ours = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    command = [sys.executable, lowering.__file__, *map(str, copies[:2]), *WANTED]
    outcome = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": ours, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    found: dict[str, dict[str, str]] = json.loads(outcome.stdout)
    return found


def assert_same_bytes(model: Path, plan: Path, tmp_path: Path) -> dict[str, dict[str, str]]:
    """Lower here and elsewhere; every file of every artifact is the same. Returns the hashes."""
    here = lowered(tmp_path / "here", model, plan, HERE)
    elsewhere = lowered(tmp_path / "elsewhere" / "another place, ü", model, plan, {**ELSEWHERE, **other_processor()})
    assert sorted(here) == sorted(WANTED)
    assert all(len(files) >= 2 for files in here.values())
    assert here == elsewhere
    return here


def written(folder: Path, proto: onnx.ModelProto, **scheme: object) -> tuple[Path, Path]:
    """Write a model and a plan of it; returns both paths."""
    folder.mkdir(exist_ok=True)
    save_proto(proto, folder / "model.onnx")
    loaded = load_model(folder / "model.onnx")
    _, plan = planned(loaded.proto, random_feeds(loaded.proto, 2, seed=1), **scheme)
    save_plan(replace(plan, model_sha256=loaded.sha256), folder / "plan.json")
    return folder / "model.onnx", folder / "plan.json"


def computed_net() -> onnx.ModelProto:
    """A Conv, and constants folded from an exponential and a matrix product, whose last bits differ by machine."""
    b = Builder(0)
    factor = b.node("Exp", [b.constant("exponents", b.rng.standard_normal((8, 40, 40)))], "factor")
    left, right = b.weight("left", 40, 40), b.weight("right", 40, 40)
    shift = b.node("Tanh", [b.node("MatMul", [left, right], "product")], "shift")
    b.node("Add", [b.node("Mul", [b.conv("conv", "input", 3, 8), factor], "scaled"), shift], "output")
    return b.model({"input": ["N", 3, 40, 40]}, {"output": ["N", 8, 40, 40]})


@pytest.mark.parametrize("net", [depthwise_net, concat_net, computed_net])
def test_a_small_model(net: object, tmp_path: Path) -> None:
    model, plan = written(tmp_path / "made", net(), scale_rounding="float16", method="mse")  # type: ignore[operator]
    hashes = assert_same_bytes(model, plan, tmp_path)
    artifacts = {name: files["artifact"] for name, files in hashes.items()}
    assert artifacts["ort_cpu:x64"] != artifacts["ort_cpu:arm64"], "a target that changes nothing proves nothing"


@pytest.mark.data
def test_a_real_model(shared_data: Path, tmp_path: Path) -> None:
    proto = onnx.load(shared_data / "models" / "mobilenet_v1_0.25_224.onnx")
    model, plan = written(tmp_path / "made", proto, scale_rounding="float16")
    assert_same_bytes(model, plan, tmp_path)


def test_another_plan_is_noticed(tmp_path: Path) -> None:
    """The comparison can fail: one code moved by one step gives other bytes everywhere."""
    model, path = written(tmp_path / "made", concat_net(), scale_rounding="float16")
    before = lowered(tmp_path / "before", model, path, HERE)
    plan = load_plan(path)
    name = next(iter(plan.weights))
    plan.weights[name].codes.flat[0] += -1 if plan.weights[name].codes.flat[0] > 0 else 1
    save_plan(plan, path)
    after = lowered(tmp_path / "after", model, path, HERE)
    assert all(before[name]["artifact"] != after[name]["artifact"] for name in WANTED)


def test_the_command_writes_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, plan = written(tmp_path / "made", concat_net(), scale_rounding="float16")
    expected = lowered(tmp_path / "here", model, plan, HERE)["ort_cpu:arm64"]["artifact"]
    monkeypatch.chdir(tmp_path)
    arguments = ["quantize", model, "--plan", plan, "--runtime", "ort_cpu", "--target", "arm64", "-o", "out.onnx"]
    assert run_command(arguments) == 0
    assert sha256_of_file(tmp_path / "out.onnx") == expected
    assert expected in capsys.readouterr().out
