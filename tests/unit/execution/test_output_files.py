"""Outputs streamed into .npy files: content, hash, padding, findings on wrong shapes, nothing half-finished."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import ContractError
from workbench.execution.output_files import OutputFiles, expected_outputs, outputs_sha256, tensor_specs
from workbench.model.graph import TensorSpec

SPEC = TensorSpec("y", "float32", (2, 3))


def write(folder: Path, rows: Any, batch: int, spec: TensorSpec = SPEC) -> OutputFiles:
    files = OutputFiles("echo", [spec], folder, len(rows), batch)
    with files:
        for start in range(0, len(rows), batch):
            part = rows[start : start + batch]
            padding = np.full((batch - len(part), *rows.shape[1:]), 9, rows.dtype)
            files.append({"y": np.concatenate([part, padding])}, len(part))
    return files


def test_rows_are_stored_without_padding(tmp_path: Path) -> None:
    rows = np.arange(15, dtype=np.float32).reshape(5, 3)
    files = write(tmp_path, rows, 2)
    np.testing.assert_array_equal(np.load(tmp_path / "0.npy"), rows)
    assert files.describe() == [
        {"name": "y", "path": str(tmp_path / "0.npy"), "dtype": "float32", "shape": [5, 3], "per_sample": True}
    ]
    assert not list(tmp_path.glob("*.partial"))


def test_the_hash_speaks_of_values_not_of_batches(tmp_path: Path) -> None:
    rows = np.arange(15, dtype=np.float32).reshape(5, 3)
    first = write(tmp_path / "a", rows, 2).sha256
    assert len(first) == 64
    assert write(tmp_path / "b", rows, 1, TensorSpec("y", "float32", (1, 3))).sha256 == first
    changed = rows.copy()
    changed[4, 2] = np.nextafter(changed[4, 2], 99)
    assert write(tmp_path / "c", changed, 2).sha256 != first
    assert write(tmp_path / "d", rows.astype(np.float64), 2).sha256 != first


def test_an_output_without_batch_axis_has_one_entry_per_run(tmp_path: Path) -> None:
    files = OutputFiles("echo", [TensorSpec("y", "float32", (7,))], tmp_path, 3, 2)
    with files:
        for run in range(2):
            files.append({"y": np.full(7, run, np.float32)}, 2)
    assert np.load(tmp_path / "0.npy").shape == (2, 7)
    assert files.describe()[0]["per_sample"] is False
    assert files.equals({"y": np.full(7, 1, np.float32)}, 1, 2, 1)
    assert not files.equals({"y": np.full(7, 0, np.float32)}, 1, 2, 1)


def test_equality_is_bit_by_bit_and_knows_nan(tmp_path: Path) -> None:
    rows = np.array([[0.0, np.nan, 1.0], [1.0, 2.0, 3.0]], np.float32)
    files = write(tmp_path, rows, 2)
    assert files.equals({"y": rows}, 0, 0, 2)
    assert not files.equals({"y": np.where(rows == 0, np.float32(-0.0), rows)}, 0, 0, 2)
    assert not files.equals({"y": rows.astype(np.float64)}, 0, 0, 2)
    assert not files.equals({}, 0, 0, 2)


def test_reopened_files_compare_and_describe_as_when_written(tmp_path: Path) -> None:
    rows = np.arange(15, dtype=np.float32).reshape(5, 3)
    first = write(tmp_path, rows, 2)
    content = (tmp_path / "0.npy").read_bytes()
    files = OutputFiles("echo", [SPEC], tmp_path, 5, 2)
    assert files.reopen(first.describe(), first.sha256)
    assert (files.describe(), files.sha256) == (first.describe(), first.sha256)
    assert files.equals({"y": rows[2:4]}, 1, 2, 2)
    assert files.equals({"y": np.concatenate([rows[4:], rows[:1]])}, 2, 4, 1)  # the padding does not count
    assert not files.equals({"y": np.nextafter(rows[2:4], np.float32(99))}, 1, 2, 2)
    assert not files.equals({"y": rows[2:4].tolist()}, 1, 2, 2)  # type: ignore[dict-item]
    assert (tmp_path / "0.npy").read_bytes() == content


@pytest.mark.parametrize("change", [{"name": "z"}, {"dtype": "float64"}, {"shape": [4, 3]}, {"shape": [5]}])
def test_files_of_another_form_are_not_reopened(tmp_path: Path, change: dict[str, Any]) -> None:
    first = write(tmp_path, np.zeros((5, 3), np.float32), 2)
    told = [{**first.describe()[0], **change}]
    assert not OutputFiles("echo", [SPEC], tmp_path, 5, 2).reopen(told, first.sha256)


@pytest.mark.parametrize("damage", ["gone", "torn", "not numpy"])
def test_damaged_files_are_not_reopened_and_can_be_written_anew(tmp_path: Path, damage: str) -> None:
    rows = np.arange(15, dtype=np.float32).reshape(5, 3)
    first = write(tmp_path, rows, 1, TensorSpec("y", "float32", (1, 3)))
    path = tmp_path / "0.npy"
    path.write_bytes({"gone": b"", "torn": path.read_bytes()[:-1], "not numpy": b"x" * 200}[damage])
    path.unlink() if damage == "gone" else None
    files = OutputFiles("echo", [TensorSpec("y", "float32", (1, 3))], tmp_path, 5, 1)
    assert not files.reopen(first.describe(), first.sha256)
    with files:
        for row in rows:
            files.append({"y": row[None]}, 1)
    assert (files.describe(), files.sha256) == (first.describe(), first.sha256)
    assert files.equals({"y": rows[4:]}, 4, 4, 1)


def test_reopened_files_written_anew_hold_the_new_answers(tmp_path: Path) -> None:
    first = write(tmp_path, np.zeros((4, 3), np.float32), 2)
    files = OutputFiles("echo", [SPEC], tmp_path, 4, 2)
    assert files.reopen(first.describe(), first.sha256)
    with files:
        for _ in range(2):
            files.append({"y": np.ones((2, 3), np.float32)}, 2)
    assert files.sha256 not in ("", first.sha256)
    assert files.equals({"y": np.ones((2, 3), np.float32)}, 1, 2, 2)
    assert not files.equals({"y": np.zeros((2, 3), np.float32)}, 1, 2, 2)


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({}, "no array for output 'y'; it returned nothing"),
        ({"z": np.zeros(1)}, "it returned z"),
        ({"y": [[1.0]]}, "no array for output 'y'"),
        ({"y": np.zeros((2, 4), np.float32)}, r"shape \(2, 4\), declared is \(2, 3\) at batch 2"),
        ({"y": np.zeros((2, 3, 1), np.float32)}, r"shape \(2, 3, 1\)"),
    ],
)
def test_wrong_outputs_are_contract_errors(tmp_path: Path, outputs: Any, text: str) -> None:
    files = OutputFiles("echo", [SPEC], tmp_path, 2, 2)
    with pytest.raises(ContractError, match=f"echo: .*{text}"), files:
        files.append(outputs, 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("second", [np.zeros((2, 4), np.float32), np.zeros((2, 3), np.float16)])
def test_a_change_between_runs_leaves_no_finished_file(tmp_path: Path, second: Any) -> None:
    files = OutputFiles("echo", [TensorSpec("y", "float32", ("N", "boxes"))], tmp_path, 4, 2)

    def attempt() -> None:
        with files:
            files.append({"y": np.zeros((2, 3), np.float32)}, 2)
            files.append({"y": second}, 2)

    with pytest.raises(ContractError, match="changed from float32"):
        attempt()
    assert not list(tmp_path.glob("*.npy"))
    assert files.sha256 == ""


def test_the_symbolic_batch_axis_becomes_the_batch() -> None:
    inputs = tensor_specs([{"name": "x", "dtype": "float32", "shape": ["N", 3]}])
    documents = [{"name": "a", "dtype": "float32", "shape": ["N", 2]}, {"name": "b", "dtype": "int64", "shape": ["K"]}]
    assert [spec.shape for spec in expected_outputs(documents, inputs, 4)] == [(4, 2), ("K",)]
    assert [spec.shape for spec in expected_outputs(documents)] == [("N", 2), ("K",)]


def test_the_hash_of_arrays_is_the_one_of_their_files(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    files = write(tmp_path, rows, 2)
    assert outputs_sha256({"y": rows}) == files.sha256
    assert outputs_sha256({"y": np.load(tmp_path / "0.npy", mmap_mode="r")}) == files.sha256
    assert outputs_sha256({"y": rows[::-1]}) != files.sha256
    assert outputs_sha256({"z": rows}) != files.sha256
