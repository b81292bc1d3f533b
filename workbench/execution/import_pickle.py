"""What a PyTorch pickle holds, read without running any of it, and how to make a model of it.

Every class and function that the pickle names is replaced by an inert stand-in, so that nothing is imported or called.
Python's own reader in Python is used: that in C takes as much memory as a few damaged bytes ask for.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

MAX_PICKLE_BYTES = 8 << 20
_SHOWN_KEYS = 6
_LEGACY_PICKLES = 4
"""Magic number, protocol, system and the object: what torch.save wrote one after another before it wrote zips."""
_READ_ERRORS = (
    pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, ValueError, TypeError, OverflowError,
    MemoryError, RecursionError, UnicodeDecodeError, OSError, zipfile.BadZipFile, NotImplementedError,
)  # fmt: skip
_WRAPPER_PREFIXES = ("module.", "_orig_mod.")
_TENSOR_MAKERS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_qtensor")


@dataclass(frozen=True)
class PickleContent:
    """What lies in a pickle.

    Attributes:
        kind: weights | checkpoint | module | other.
        key: of a checkpoint, where the weights or the module lie; else "".
        words: what it holds, for a person.
        holds_module: whether the object, or what lies under `key`, is a whole module.
        prefix: what every weight's name begins with, put there by a wrapper around the network; else "".
        is_lightning: a checkpoint of PyTorch Lightning.
    """

    kind: str
    key: str
    words: str
    holds_module: bool = False
    prefix: str = ""
    is_lightning: bool = False


class _Stand:
    """An object of a class that is not imported."""

    origin = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args = args

    def __call__(self, *args: Any, **kwargs: Any) -> _Stand:
        return type(self)(*args)

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        """Take one item of a list-like class and forget it."""

    def extend(self, values: Any) -> None:
        """Take items of a list-like class and forget them."""

    def add(self, value: Any) -> None:
        """Take one item of a set-like class and forget it."""


_PythonUnpickler: Any = vars(pickle)["_Unpickler"]
_ALLOCATES_AT_ONCE = pickle.BYTEARRAY8[0]
"""The one code whose reader takes the memory it is told of before it looks whether the file has so much."""


class _Reader(_PythonUnpickler):  # type: ignore[misc]
    """Builds plain containers and stand-ins only."""

    dispatch: ClassVar[dict[int, Any]] = {
        code: read for code, read in _PythonUnpickler.dispatch.items() if code != _ALLOCATES_AT_ONCE
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return a container, or a stand-in that remembers the name; nothing is imported."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        return type("Stand", (_Stand,), {"origin": f"{module}.{name}"})

    def persistent_load(self, pid: Any) -> Any:
        """Return a stand-in for a tensor's storage; a class stored with its source, which old files do, is itself."""
        return pid[1] if isinstance(pid, tuple) and pid[:1] == ("module",) else _Stand()


def describe_pickle(path: Path) -> PickleContent | None:
    """Return what the pickle at `path`, bare or in torch's zip, holds; None when it cannot be told."""
    try:
        found = _root(path)
    except _READ_ERRORS:
        return None
    return _described(found)


def how_to_load(content: PickleContent | None, path: Path) -> str:
    """Return the lines of a factory that makes a model of it, with the example input still to be filled in."""
    body = _factory_body(content, str(path.resolve()))
    return (
        f"Write make.py with the two lines `import torch` and `def model(): {body}, (torch.zeros(1, 3, 224, 224),)`,"
        " with your own input's"
        ' shape, and give factory = "make:model" in [model] in place of path.'
    )


def _factory_body(content: PickleContent | None, path: str) -> str:
    """Return statements that end in the module; weights come to the CPU wherever they were saved."""
    if content is None:
        content = PickleContent("other", "", "")
    place = f'["{content.key}"]' if content.key else ""
    if content.is_lightning:
        return f'return YourModule.load_from_checkpoint({path!r}, map_location="cpu")'
    if content.holds_module:
        return f'return torch.load({path!r}, map_location="cpu", weights_only=False){place}'
    weights = f'torch.load({path!r}, map_location="cpu", weights_only=True){place}'
    if content.prefix:
        weights = f'{{name.removeprefix("{content.prefix}"): w for name, w in {weights}.items()}}'
    return f"net = YourNet(); net.load_state_dict({weights}); return net"


def _root(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            if archive.getinfo(name).file_size > MAX_PICKLE_BYTES:
                raise ValueError("too large to look into")
            with archive.open(name) as stream:
                return _Reader(stream).load()
    with path.open("rb") as stream:
        return _last_of(stream)


def _last_of(stream: IO[bytes]) -> Any:
    """Return the object of a file of torch.save before zips, or of one plain pickle."""
    first = _Reader(stream).load()
    if not isinstance(first, int):
        return first
    for _ in range(_LEGACY_PICKLES - 1):
        first = _Reader(stream).load()
    return first


def _described(found: Any) -> PickleContent:
    if _is_tensor(found):
        return PickleContent("other", "", "one tensor")
    if isinstance(found, _Stand):
        return PickleContent(
            "module", "", f"a whole module of class {found.origin}, which only its own code can run", True
        )
    if not isinstance(found, Mapping) or not found:
        return PickleContent("other", "", "Python objects")
    if _are_weights(found):
        return PickleContent("weights", "", f"{len(found)} tensors ({_some(found)})", prefix=_prefix(found))
    key = _weights_key(found)
    words = f"a checkpoint with the keys {_some(found)}"
    if not key:
        return PickleContent("checkpoint", "", words)
    is_module = isinstance(found[key], _Stand)
    inside = f"a whole module of class {found[key].origin}" if is_module else "the weights"
    return PickleContent(
        "checkpoint",
        key,
        f"{words}; {inside} under {key!r}",
        is_module,
        "" if is_module else _prefix(found[key]),
        any("lightning_version" in str(name) for name in found),
    )


def _prefix(weights: Mapping[Any, Any]) -> str:
    """Return what DataParallel or torch.compile put before every name, if it is so."""
    return next((text for text in _WRAPPER_PREFIXES if all(str(name).startswith(text) for name in weights)), "")


def _weights_key(found: Mapping[Any, Any]) -> str:
    """Return the key of the weights: the moving average where there is one, as training frameworks evaluate it."""
    order = ("ema", "model_ema", "state_dict_ema", "state_dict", "model_state_dict", "model", "net", "weights")
    named = [key for key in order if _is_part(found.get(key))]
    return next(iter([*named, *(str(key) for key, value in found.items() if _are_weights(value))]), "")


def _is_part(value: Any) -> bool:
    return _are_weights(value) or (isinstance(value, _Stand) and not _is_tensor(value))


def _are_weights(value: Any) -> bool:
    """Whether it is a state dict: tensors, and perhaps plain numbers or flags beside them."""
    if not isinstance(value, Mapping):
        return False
    items = [item for item in value.values() if not isinstance(item, int | float | str | type(None))]
    return bool(items) and all(_is_tensor(item) for item in items)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, _Stand) and value.origin.rpartition(".")[2] in _TENSOR_MAKERS


def _some(found: Mapping[Any, Any]) -> str:
    names = [str(key) for key in list(found)[:_SHOWN_KEYS]]
    return ", ".join(names) + (", ..." if len(found) > _SHOWN_KEYS else "")
