"""Compared outputs as .npy files, written row by row while samples stream by, with one hash over all of them.

Rows are appended to a plain file rather than a memory map: the pages of a map would count as the worker's memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ContractError
from workbench.files import canonical_json, sha256_of_bytes
from workbench.model.graph import TensorSpec

PIECE_BYTES = 4 << 20


def tensor_specs(documents: Sequence[Mapping[str, Any]]) -> tuple[TensorSpec, ...]:
    """Return inputs or outputs from their JSON ({name, dtype, shape}, symbolic axes as names)."""
    return tuple(TensorSpec(entry["name"], entry["dtype"], tuple(entry["shape"])) for entry in documents)


def expected_outputs(
    documents: Sequence[Mapping[str, Any]], inputs: Sequence[TensorSpec] = (), batch: int = 1
) -> tuple[TensorSpec, ...]:
    """Return the compared outputs from their JSON; where the inputs' symbolic first axis comes first, it is `batch`."""
    outputs = tensor_specs(documents)
    symbols = {spec.shape[0] for spec in inputs if spec.shape and isinstance(spec.shape[0], str)}
    return tuple(
        replace(spec, shape=(batch, *spec.shape[1:])) if spec.shape and spec.shape[0] in symbols else spec
        for spec in outputs
    )


@dataclass
class _Output:
    """One output's open file: what its rows look like and what was hashed so far."""

    spec: TensorSpec
    path: Path
    dtype: np.dtype[Any] | None = None
    run_shape: tuple[int, ...] = ()
    per_sample: bool = True
    shape: tuple[int, ...] = ()
    stream: IO[bytes] | None = None
    digest: Any = None

    def is_as_before(self, array: Any) -> bool:
        """Whether `array` looks like the first run's, whose check then holds for it too."""
        known = self.stream is not None and isinstance(array, np.ndarray)
        return known and array.shape == self.run_shape and array.dtype == self.dtype


class OutputFiles:
    """All compared outputs of one cell; a context manager while they are written, readable afterwards.

    An output whose first axis is the batch has one row per sample [n, ...]; any other has one entry per run
    [runs, ...]. Files appear under their names only when complete.

    Attributes:
        sha256: hash over names, dtypes, shapes and bytes of all outputs in the order given; "" until complete.
    """

    def __init__(self, plugin_id: str, specs: Sequence[TensorSpec], folder: Path, n: int, batch: int) -> None:
        self.sha256 = ""
        self._plugin_id, self._n, self._batch = plugin_id, n, batch
        folder.mkdir(parents=True, exist_ok=True)
        self._outputs = [_Output(spec, folder / f"{number}.npy") for number, spec in enumerate(specs)]
        self._maps: list[npt.NDArray[Any]] = []

    def __enter__(self) -> OutputFiles:
        """Begin anew; files are made with the first run."""
        self.sha256 = ""
        self._outputs = [_Output(output.spec, output.path) for output in self._outputs]
        self._maps = []
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete the files, or leave only temporary ones behind after an error."""
        for output in self._outputs:
            if output.stream:
                output.stream.close()
        if error is None:
            self._complete()

    def reopen(self, described: Sequence[Mapping[str, Any]], sha256: str) -> bool:
        """Take the files that an earlier session completed, to compare with and describe them, without reading them.

        Args:
            described, sha256: what `describe` and `sha256` told then.

        Returns:
            Whether the files are there in the form that was told; if not, they can only be written anew.
        """
        if [item["name"] for item in described] != [output.spec.name for output in self._outputs]:
            return False
        try:
            self._maps = [np.load(output.path, mmap_mode="r") for output in self._outputs]
        except (OSError, ValueError):
            return False
        for output, stored, item in zip(self._outputs, self._maps, described, strict=True):
            output.dtype, output.shape, output.per_sample = stored.dtype, stored.shape, bool(item["per_sample"])
            output.run_shape = (self._batch, *stored.shape[1:]) if output.per_sample else stored.shape[1:]
            if (str(stored.dtype), list(stored.shape)) != (item["dtype"], list(item["shape"])):
                return False
        self.sha256 = sha256
        return True

    def append(self, outputs: Mapping[str, npt.NDArray[Any]], size: int) -> None:
        """Write one run's outputs; only the first `size` rows of a per-sample output count.

        Raises:
            ContractError: an output is missing, or its shape or dtype is not what was declared or came before.
        """
        for output in self._outputs:
            array = outputs.get(output.spec.name) if isinstance(outputs, Mapping) else None
            if array is None or not output.is_as_before(array):
                array = self._found(outputs, output.spec)
                if output.stream is not None:
                    raise ContractError(
                        f"{self._plugin_id}: output {output.spec.name!r} changed from {output.dtype} "
                        f"{output.run_shape} to {array.dtype} {array.shape} between runs"
                    )
                self._begin(output, array)
            assert output.stream is not None
            data = array[:size].tobytes() if output.per_sample else array.tobytes()
            output.stream.write(data)
            output.digest.update(data)

    def describe(self) -> list[dict[str, Any]]:
        """Return name, path, dtype, shape and per_sample of each output as JSON."""
        return [
            {
                "name": output.spec.name,
                "path": str(output.path),
                "dtype": str(output.dtype),
                "shape": list(output.shape),
                "per_sample": output.per_sample,
            }
            for output in self._outputs
        ]

    def equals(self, outputs: Mapping[str, npt.NDArray[Any]], run: int, start: int, size: int) -> bool:
        """Whether a later run's outputs equal the stored ones bit by bit.

        Args:
            run: number of the run that stored them; start, size: its samples.
        """
        if not self._maps:
            self._maps = [np.load(output.path, mmap_mode="r") for output in self._outputs]
        for output, stored in zip(self._outputs, self._maps, strict=True):
            array = outputs.get(output.spec.name)
            if not isinstance(array, np.ndarray):
                return False
            if (array.shape, array.dtype) != (output.run_shape, output.dtype):
                return False
            rows = (stored[start : start + size], array[:size]) if output.per_sample else (stored[run], array)
            if rows[0].tobytes() != rows[1].tobytes():
                return False
        return True

    def _found(self, outputs: Mapping[str, npt.NDArray[Any]], spec: TensorSpec) -> npt.NDArray[Any]:
        if not isinstance(outputs, Mapping):
            raise ContractError(f"{self._plugin_id}: run returned {type(outputs).__name__}, not output name -> array")
        array = outputs.get(spec.name)
        if not isinstance(array, np.ndarray):
            have = ", ".join(sorted(outputs)) or "nothing"
            raise ContractError(
                f"{self._plugin_id}: run returned no array for output {spec.name!r}; it returned {have}"
            )
        if not self._fits(array.shape, spec.shape):
            raise ContractError(
                f"{self._plugin_id}: output {spec.name!r} has shape {array.shape}, "
                f"declared is {spec.shape} at batch {self._batch}"
            )
        return array

    def _fits(self, found: tuple[int, ...], declared: tuple[int | str, ...]) -> bool:
        if len(found) != len(declared):
            return False
        pairs = list(zip(found, declared, strict=True))
        return all(not isinstance(axis, int) or size == axis for size, axis in pairs)

    def _begin(self, output: _Output, array: npt.NDArray[Any]) -> None:
        output.dtype, output.run_shape = array.dtype, array.shape
        output.per_sample = array.ndim > 0 and array.shape[0] == self._batch
        runs = -(-self._n // self._batch)
        output.shape = (self._n, *array.shape[1:]) if output.per_sample else (runs, *array.shape)
        output.digest = hashlib.sha256()
        output.stream = _partial(output.path).open("wb")
        header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": output.shape}
        np.lib.format.write_array_header_1_0(output.stream, header)

    def _complete(self) -> None:
        for output in self._outputs:
            _partial(output.path).replace(output.path)
        self.sha256 = _sha256_of(
            (output.spec.name, output.dtype, output.shape, output.digest.hexdigest()) for output in self._outputs
        )


def outputs_sha256(outputs: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return the hash that `OutputFiles` gives the same outputs in the same order; arrays are read in pieces."""
    return _sha256_of((name, array.dtype, array.shape, _digest(array)) for name, array in outputs.items())


def _digest(array: npt.NDArray[Any]) -> str:
    digest = hashlib.sha256()
    rows = max(1, PIECE_BYTES // max(1, array.nbytes // max(1, len(array))))
    for start in range(0, len(array), rows):
        digest.update(array[start : start + rows].tobytes())
    return digest.hexdigest()


def _sha256_of(outputs: Iterable[tuple[str, Any, Sequence[int], str]]) -> str:
    return sha256_of_bytes(
        canonical_json([[name, str(dtype), list(shape), hexa] for name, dtype, shape, hexa in outputs])
    )


def _partial(path: Path) -> Path:
    return path.with_suffix(".partial")
