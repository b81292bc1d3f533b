"""Reading what a PyTorch pickle holds, without importing or calling anything it names."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from workbench.execution.import_pickle import describe_pickle, how_to_load


class Named:
    """Pickled as a call of a function that need not exist."""

    def __init__(self, origin: str, *args: Any) -> None:
        self.origin, self.args = origin, args

    def __reduce__(self) -> Any:
        raise AssertionError("written by Writer")


_PythonPickler: Any = vars(pickle)["_Pickler"]
"""The one in Python: that in C looks every name up."""


class Writer(_PythonPickler):  # type: ignore[misc]
    """Writes Named objects as torch writes tensors and modules."""

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        """Write one object; the names in it are not looked up."""
        if isinstance(obj, Named):
            module, _, name = obj.origin.rpartition(".")
            self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
            self.save(obj.args)
            self.write(pickle.REDUCE)
            return
        super().save(obj, save_persistent_id)


def peak_bytes() -> int:
    resource = pytest.importorskip("resource", reason="peak memory is asked of POSIX")
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) << 10


def tensor() -> Named:
    return Named("torch._utils._rebuild_tensor_v2", 0, 0, (3, 3), (3, 1))


def written(path: Path, content: Any, *, zipped: bool = True) -> Path:
    stream = io.BytesIO()
    Writer(stream, protocol=2).dump(content)
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", stream.getvalue())
    else:
        path.write_bytes(b"".join(pickle.dumps(value, 2) for value in (119547037146038801333356, 1001, {"a": 1})))
        with path.open("ab") as end:
            end.write(stream.getvalue())
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_a_state_dict_is_told_with_its_names(tmp_path: Path, *, zipped: bool) -> None:
    weights = OrderedDict((f"layer{i}.weight", tensor()) for i in range(9))
    found = describe_pickle(written(tmp_path / "w.pt", weights, zipped=zipped))
    assert found is not None
    assert (found.kind, found.key, found.holds_module) == ("weights", "", False)
    assert "9 tensors (layer0.weight" in found.words


@pytest.mark.parametrize(
    ("content", "key", "holds_module"),
    [
        ({"epoch": 3, "state_dict": {"a": tensor()}, "optimizer": {}}, "state_dict", False),
        ({"model": {"a": tensor(), "n": 1}, "best": 0.5}, "model", False),
        ({"model": {"a": tensor()}, "ema": {"a": tensor()}}, "ema", False),
        ({"ema": Named("net.Detector"), "model": None, "date": "x"}, "ema", True),
        ({"generator": {"a": tensor()}, "step": 4}, "generator", False),
        ({"epoch": 3, "args": "x"}, "", False),
    ],
)
def test_a_checkpoint_tells_where_its_weights_lie(
    content: dict[str, Any], key: str, *, holds_module: bool, tmp_path: Path
) -> None:
    found = describe_pickle(written(tmp_path / "c.ckpt", content))
    assert found is not None
    assert (found.kind, found.key, found.holds_module) == ("checkpoint", key, holds_module)
    assert (f'["{key}"]' in how_to_load(found, Path("c.ckpt"))) is bool(key)


def test_the_lines_fit_what_wrote_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "c.ckpt"
    lightning = {"pytorch-lightning_version": "2.6", "state_dict": {"model.a": tensor()}}
    assert "YourModule.load_from_checkpoint" in how_to_load(describe_pickle(written(path, lightning)), path)
    for prefix in ("module.", "_orig_mod."):
        content = {"state_dict": {f"{prefix}a": tensor(), f"{prefix}b": tensor()}}
        line = how_to_load(describe_pickle(written(path, content)), path)
        assert f'name.removeprefix("{prefix}")' in line
        compile(line.split("`")[3], "make.py", "exec")
    assert "removeprefix" not in how_to_load(
        describe_pickle(written(path, {"module.a": tensor(), "b": tensor()})), path
    )
    found = describe_pickle(written(path, tensor()))
    assert found is not None
    assert found.words == "one tensor"


def test_real_files_of_torch_are_told(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed; it comes with the extra [torch]")
    net = torch.nn.Sequential(torch.nn.Linear(2, 2))
    for zipped in (True, False):
        for content, kind in ((net, "module"), (net.state_dict(), "weights"), ({"net": net, "epoch": 1}, "checkpoint")):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of sources that cannot be stored
                torch.save(content, tmp_path / "real.pt", _use_new_zipfile_serialization=zipped)
            found = describe_pickle(tmp_path / "real.pt")
            assert found is not None
            assert found.kind == kind
            assert ("Sequential" in found.words) is (kind != "weights")
            compile(how_to_load(found, tmp_path / "real.pt").split("`")[3], "make.py", "exec")


def test_a_whole_module_is_told_by_its_class(tmp_path: Path) -> None:
    found = describe_pickle(written(tmp_path / "m.pt", Named("torchvision.models.resnet.ResNet")))
    assert found is not None
    assert found.kind == "module"
    assert "torchvision.models.resnet.ResNet" in found.words
    assert "weights_only=False" in how_to_load(found, Path("m.pt"))


def test_nothing_that_a_pickle_names_is_called(tmp_path: Path) -> None:
    marker = tmp_path / "called"
    found = describe_pickle(written(tmp_path / "evil.pt", {"a": Named("os.mkdir", str(marker)), "b": tensor()}))
    assert found is not None
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80",
        b"\x80\x02(",
        b"\x80\x02}q\x00.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x80\x02}r\xff\xff\xff\xff.",
        b"\x80\x05\x96\x00\x00\x00\x00\x00\x01\x00\x00.",
    ],
    ids=["empty", "one byte", "open", "empty dict", "a frame too large", "a name beyond 32 GB", "a terabyte promised"],
)
def test_damaged_pickles_are_none_or_other(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    before = peak_bytes()
    found = describe_pickle(path)
    assert found is None or found.kind == "other"
    assert peak_bytes() - before < 64 << 20
    assert "\n" not in how_to_load(found, path)
