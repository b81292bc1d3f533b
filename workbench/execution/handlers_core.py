"""The core's own jobs in a worker: scan data, run the reference, calibrate, import PyTorch models."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from workbench.errors import ContractError, ModelError
from workbench.execution.jobs import PluginRef
from workbench.execution.worker import Channel, Handler
from workbench.files import write_json_atomic
from workbench.model.graph import TensorSpec

IMPORT_SAMPLES = 16


def scan_data(plugin: PluginRef | None, arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Scan one set of samples, write its index and keep its pixels beside it; arguments: spec, preprocess, out."""
    from workbench.model.data import PixelWriter, data_spec_from_json, scan  # noqa: PLC0415  (loads numpy)
    from workbench.model.preprocess import preprocess_from_json  # noqa: PLC0415  (with the above)

    def on_progress(done: int, total: int, text: str) -> None:
        channel.check_cancelled()
        channel.progress(done, total, text)

    pixels = PixelWriter(Path(arguments["out"]).parent, preprocess_from_json(arguments["preprocess"]))
    index = scan(data_spec_from_json(arguments["spec"]), on_progress, pixels)
    write_json_atomic(Path(arguments["out"]), index.to_json())
    return {"n": index.n, "sha256": index.sha256, "undecodable": len(index.undecodable)}


def reference(plugin: PluginRef | None, arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Run a float or simulated graph over all samples with the reference runtime.

    Arguments: model (ONNX path), bundle, outputs ({name, dtype, shape} each), batch, optimized, outputs_dir.

    Returns:
        n, wall_s, run_s, outputs (as OutputFiles.describe), outputs_sha256, samples_sha256, versions, and input_shapes:
        input -> shape of one batch.
    """
    from workbench.execution.bundle import open_bundle  # noqa: PLC0415  (loads numpy)
    from workbench.execution.cell_worker import batches_of  # noqa: PLC0415  (loads numpy)
    from workbench.execution.output_files import OutputFiles, expected_outputs  # noqa: PLC0415  (with the above)
    from workbench.model.data import Carry  # noqa: PLC0415  (with the above)
    from workbench.reference import ReferenceSession  # noqa: PLC0415  (loads ONNX Runtime)

    samples = open_bundle(arguments["bundle"])
    specs = expected_outputs(arguments["outputs"])
    batch, run_s, start = arguments["batch"], 0.0, perf_counter()
    carry, shapes = Carry(samples.feedback), dict[str, list[int]]()
    asked = list(dict.fromkeys((*(spec.name for spec in specs), *carry.outputs)))
    files = OutputFiles("reference", specs, Path(arguments["outputs_dir"]), samples.n, batch)
    with ReferenceSession(Path(arguments["model"]), optimized=arguments["optimized"]) as session, files:
        for part in batches_of(samples, batch):
            channel.check_cancelled()
            feeds = carry.feeds(part.start, part.feeds)
            shapes = shapes or {name: list(values.shape) for name, values in feeds.items()}
            before = perf_counter()
            outputs = session.run(feeds, asked)
            run_s += perf_counter() - before
            carry.keep(outputs)
            _append(files, outputs, part.size)
            channel.progress(part.start + part.size, samples.n, "samples")
    return {
        "n": samples.n,
        "wall_s": perf_counter() - start,
        "run_s": run_s,
        "outputs": files.describe(),
        "outputs_sha256": files.sha256,
        "samples_sha256": samples.sha256,
        "versions": _versions(),
        "input_shapes": shapes,
    }


def _append(files: Any, outputs: Mapping[str, Any], size: int) -> None:
    """Write one run's outputs into `OutputFiles`. Raises ModelError where they are not what the model's file states."""
    try:
        files.append(outputs, size)
    except ContractError as error:
        raise ModelError(
            "The model does not give what its file states",
            why=str(error),
            how="Set that output's shape in the file to what it gives, or export the model again.",
        ) from error


def calibrate(plugin: PluginRef | None, arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Make a plan (or take a ready one), its simulated graph, and the figures on representation.

    Arguments: canonical, model_sha256, transforms, scheme, calibration and evaluation (bundles or null), out (plan
    path), ready (whether `out` already holds the plan), ranges (folder that keeps the ranges of this model on these
    samples; null or left out: none).
    """
    import onnx  # noqa: PLC0415  (only here)

    from workbench.execution.bundle import open_bundle  # noqa: PLC0415  (loads numpy)
    from workbench.model.load import save_proto  # noqa: PLC0415  (loads onnx)
    from workbench.quant.build import build_plan  # noqa: PLC0415  (loads onnx)
    from workbench.quant.dialect import SIMULATED  # noqa: PLC0415  (with the above)
    from workbench.quant.plan import load_plan, save_plan  # noqa: PLC0415  (with the above)
    from workbench.quant.qdq import write_qdq  # noqa: PLC0415  (loads onnx)
    from workbench.quant.ranges import KeptRanges, find_ranges  # noqa: PLC0415  (with the above)
    from workbench.quant.scheme import scheme_from_json  # noqa: PLC0415  (with the above)
    from workbench.reference import give_large_blocks_back  # noqa: PLC0415  (loads numpy)

    give_large_blocks_back()
    out = Path(arguments["out"])
    canonical = onnx.load(arguments["canonical"])
    start = perf_counter()
    if arguments["ready"]:
        plan = load_plan(out)
    else:
        samples = open_bundle(arguments["calibration"]) if arguments["calibration"] else None
        plan = build_plan(
            arguments["model_sha256"],
            canonical,
            arguments["transforms"],
            scheme_from_json(arguments["scheme"]),
            samples,
            channel.progress,
            channel.check_cancelled,
            KeptRanges(canonical, Path(arguments["ranges"])) if arguments.get("ranges") else find_ranges,
        )
        save_plan(plan, out)
    calibrate_s = perf_counter() - start
    simulated = out.parent / "simulated.onnx"
    save_proto(write_qdq(canonical, plan, SIMULATED), simulated)
    return {
        "plan_sha256": plan.sha256,
        "calibrate_s": calibrate_s,
        "simulated": simulated.name,
        "representation": _representation(arguments["evaluation"], canonical, plan, channel),
    }


def import_model(plugin: PluginRef | None, arguments: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Turn a PyTorch model into ONNX and check it against torch, in the end on the user's samples.

    Arguments: source, out, allow_code, bundle (its inputs empty: nobody knows them yet) or null, search_path.
    A source that tells no shapes takes those of the samples.
    """
    from workbench.execution import importers  # noqa: PLC0415  (torch, later)
    from workbench.model.load import load_model  # noqa: PLC0415  (loads onnx)

    bundle = arguments["bundle"]
    folders = [Path(folder) for folder in arguments["search_path"]]

    def own() -> list[dict[str, Any]]:
        return [] if bundle["state"] else _first_feeds(bundle, _own_inputs(bundle), 1)

    def of(written: Path) -> list[dict[str, Any]]:
        channel.check_cancelled()
        model = load_model(written)
        return _first_feeds(bundle, model.inputs, model.fixed_batch or 1)

    data = None if bundle is None else importers.SampleFeeds(own, of)
    out = Path(arguments["out"])
    return importers.import_model(arguments["source"], out, data, arguments["allow_code"], folders).to_json()


def _first_feeds(bundle: Mapping[str, Any], inputs: Sequence[TensorSpec], batch: int) -> list[dict[str, Any]]:
    """Return the first samples as feeds of `batch` rows; short ones are left out where the batch is fixed.

    Of a recurrent model each is the first frame of its sequence as far as the state goes: only torch and ONNX are
    compared on it.
    """
    from itertools import islice  # noqa: PLC0415  (with the next)

    from workbench.execution.bundle import open_bundle  # noqa: PLC0415  (loads numpy)

    samples = open_bundle({**bundle, "inputs": [asdict(spec) for spec in inputs]})
    feeds = islice(samples.batches(batch, prefetch=0), max(1, IMPORT_SAMPLES // batch))
    state = samples.feedback.start_of(0) if samples.feedback else {}
    return [{**feed, **state} for feed in feeds if len(next(iter(feed.values()))) == batch]


def _own_inputs(bundle: Mapping[str, Any]) -> list[TensorSpec]:
    """Return inputs that the samples themselves would fit: arrays by their names, an image as "input"."""
    from workbench.model.preprocess import preprocess_from_json  # noqa: PLC0415  (loads numpy)

    index = json.loads(Path(bundle["index"]).read_text(encoding="utf-8"))
    if bundle["data"]["kind"] == "arrays":
        return [
            TensorSpec(item["name"], item["dtype"].replace("float64", "float32"), ("batch", *item["row_shape"]))
            for item in index["arrays"]
        ]
    preprocess = preprocess_from_json(bundle["preprocess"])
    height, width = preprocess.height_width or ("height", "width")
    channels = preprocess.channels
    shape = (channels, height, width) if preprocess.layout == "NCHW" else (height, width, channels)
    return [TensorSpec("input", "float32", ("batch", *shape))]


def _representation(bundle: Mapping[str, Any] | None, canonical: Any, plan: Any, channel: Channel) -> Any:
    """Share of evaluation values beyond the plan's clips; None without evaluation data or activation ranges."""
    if bundle is None or not plan.tensors:
        return None
    from workbench.execution.bundle import open_bundle  # noqa: PLC0415  (loads numpy)
    from workbench.quant.represent import representation  # noqa: PLC0415  (loads onnx)

    found = representation(canonical, plan, open_bundle(bundle), channel.progress, channel.check_cancelled)
    return found.to_json()


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  (with nothing else)

    found = {}
    for name in ("onnxruntime-gpu", "onnxruntime", "numpy", "onnx"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


HANDLERS: dict[str, Handler] = {
    "scan": scan_data,
    "reference": reference,
    "calibrate": calibrate,
    "import_model": import_model,
}
