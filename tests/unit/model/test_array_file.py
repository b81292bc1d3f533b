"""Array files: rows of .npy, stored and compressed .npz, and damaged files."""

from __future__ import annotations

import gc
import io
import threading
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workbench.errors import DataError
from workbench.model import array_file
from workbench.model.array_file import open_arrays

SAVERS = {"stored": np.savez, "compressed": np.savez_compressed}


def array(n: int = 20) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(n, 3, 2)).astype(np.float32)


@pytest.mark.parametrize("saver", SAVERS)
def test_rows_of_npz_in_any_order(tmp_path, saver):
    a, b = array(), np.arange(20, dtype=np.int64)
    SAVERS[saver](tmp_path / "x.npz", a=a, b=b)
    opened = open_arrays(tmp_path / "x.npz")
    assert sorted(opened) == ["a", "b"]
    assert (opened["a"].shape, opened["a"].dtype) == ((20, 3, 2), np.dtype(np.float32))
    np.testing.assert_array_equal(opened["a"].rows([7, 0, 19, 7]), a[[7, 0, 19, 7]])
    np.testing.assert_array_equal(opened["b"].rows([3]), b[[3]])


def test_a_large_compressed_member_is_unpacked_to_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(array_file, "_IN_MEMORY_BYTES", 100)
    np.savez_compressed(tmp_path / "x.npz", a=array())
    np.testing.assert_array_equal(open_arrays(tmp_path / "x.npz")["a"].rows(range(20)), array())


def test_npy_has_no_name(tmp_path):
    np.save(tmp_path / "x.npy", array())
    opened = open_arrays(tmp_path / "x.npy")
    assert list(opened) == [""]
    np.testing.assert_array_equal(opened[""].rows([5, 4]), array()[[5, 4]])


@given(
    values=hnp.arrays(
        dtype=st.sampled_from([np.dtype(t) for t in ("<f4", ">f4", "<f2", "<i8", ">i2", "u1", "?", "<U3")]),
        shape=hnp.array_shapes(min_dims=1, max_dims=4, max_side=4),
    ),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_any_array_comes_back_in_native_order(tmp_path_factory, values, data):
    path = tmp_path_factory.mktemp("arrays") / "x.npz"
    np.savez(path, a=values)
    indices = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=6))
    rows = open_arrays(path)["a"].rows(indices)
    assert rows.dtype == values.dtype.newbyteorder("=")
    assert rows.dtype.isnative
    np.testing.assert_array_equal(rows, values[indices])


def test_two_threads_may_read_at_once(tmp_path):
    a = np.arange(4000, dtype=np.int32).reshape(2000, 2)
    np.save(tmp_path / "x.npy", a)
    opened = open_arrays(tmp_path / "x.npy")[""]
    wrong: list[int] = []

    def read(step: int) -> None:
        wrong.extend(i for i in range(0, 2000, step) if not np.array_equal(opened.rows([i])[0], a[i]))

    workers = [threading.Thread(target=read, args=(step,)) for step in (1, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_memory_does_not_grow_with_rows(tmp_path):
    import tracemalloc

    np.save(tmp_path / "x.npy", np.zeros((4000, 1000), np.float32))
    opened = open_arrays(tmp_path / "x.npy")[""]
    tracemalloc.start()
    for start in range(0, 4000, 10):
        opened.rows(range(start, start + 10))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000


def test_cut_files_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", array())
    whole = (tmp_path / "x.npy").read_bytes()
    for size in (0, 5, 60, len(whole) - 1):
        (tmp_path / "cut.npy").write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"cut\.npy"):
            open_arrays(tmp_path / "cut.npy")


@pytest.mark.parametrize("saver", SAVERS)
def test_a_cut_npz_is_refused(tmp_path, saver):
    SAVERS[saver](tmp_path / "x.npz", a=array())
    whole = (tmp_path / "x.npz").read_bytes()
    for size in (30, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.npz").write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"cut\.npz"):
            open_arrays(tmp_path / "cut.npz")


@pytest.mark.parametrize("saver", SAVERS)
def test_a_range_of_rows_comes_in_one_read_as_rows_one_by_one(tmp_path, saver):
    SAVERS[saver](tmp_path / "x.npz", a=array().astype(">f4"))
    opened = open_arrays(tmp_path / "x.npz")["a"]
    for rows in (range(20), range(3, 9), range(19, 20), range(4, 4), range(0, 20, 3), range(9, 2, -2)):
        found = opened.rows(rows)
        assert found.dtype == np.dtype(np.float32)
        np.testing.assert_array_equal(found, opened.rows(list(rows)))
        np.testing.assert_array_equal(found, array()[list(rows)])


def test_a_file_cut_after_opening_is_named(tmp_path):
    np.save(tmp_path / "x.npy", array())
    opened = open_arrays(tmp_path / "x.npy")[""]
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-1])
    assert len(opened.rows(range(19))) == 19
    for rows in (range(18, 20), [19]):
        with pytest.raises(DataError, match=r"x\.npy is cut off"):
            opened.rows(rows)


@pytest.mark.parametrize("described", [b"'1f4'", b"'0f4'", b"'|V0'"])
def test_types_that_are_no_plain_numbers_are_refused(tmp_path, described):
    np.save(tmp_path / "x.npy", array())
    whole = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(whole.replace(b"'<f4'", described.ljust(5)))
    with pytest.raises(DataError, match=r"x\.npy"):
        open_arrays(tmp_path / "x.npy")


@pytest.mark.filterwarnings("ignore:Reading `.npy`")
@pytest.mark.parametrize("saver", SAVERS)
@given(position=st.integers(0, 600), value=st.integers(0, 255))
@settings(max_examples=80, deadline=None)
def test_a_changed_byte_never_raises_anything_else(saver, tmp_path_factory, position, value):
    path = tmp_path_factory.mktemp("damaged") / "x.npz"
    SAVERS[saver](path, a=array(4), labels=np.arange(4))
    data = bytearray(path.read_bytes())
    data[position % len(data)] = value
    path.write_bytes(data)
    try:
        for opened in open_arrays(path).values():
            opened.rows([0])
    except DataError as error:
        message = str(error)
        assert "x.npz" in message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([{}, None], dtype=object), "Python objects"),
        (np.zeros(3, dtype=[("x", "f4")]), "Python objects or records"),
        (np.float32(3.0), "single number"),
        (np.zeros((3, 0, 2)), "no values"),
        (np.asfortranarray(np.zeros((3, 4))), "Fortran order"),
    ],
)
def test_arrays_that_have_no_plain_rows_are_refused(tmp_path, values, message):
    np.save(tmp_path / "x.npy", values, allow_pickle=True)
    with pytest.raises(DataError, match=message):
        open_arrays(tmp_path / "x.npy")


def test_foreign_and_missing_files_are_named(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 nothing of the kind")
    with pytest.raises(DataError, match=r"x\.npz is not a numpy array"):
        open_arrays(tmp_path / "x.npz")
    with pytest.raises(DataError, match=r"absent\.npz cannot be read"):
        open_arrays(tmp_path / "absent.npz")
    with zipfile.ZipFile(tmp_path / "empty.npz", "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(DataError, match="holds no arrays"):
        open_arrays(tmp_path / "empty.npz")


def test_a_member_that_promises_more_than_the_disk_holds_is_refused(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(1000))
    monkeypatch.setattr(array_file, "_IN_MEMORY_BYTES", 10)
    monkeypatch.setattr(array_file.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 100}))
    with pytest.raises(DataError, match="100 are free"):
        open_arrays(tmp_path / "x.npz")


def test_a_header_that_promises_more_rows_is_refused(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 4)})
    (tmp_path / "x.npy").write_bytes(stream.getvalue() + bytes(64))
    with pytest.raises(DataError, match="promises 1000000000000 rows"):
        open_arrays(tmp_path / "x.npy")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_grouped_rows_are_rows_of_several_and_keep_the_file_open(tmp_path, save):
    values = np.arange(22, dtype=np.int32).reshape(11, 2)
    save(tmp_path / "x.npz", a=values)
    grouped = open_arrays(tmp_path / "x.npz")["a"].grouped(4)
    gc.collect()
    assert grouped.shape == (2, 4, 2)
    np.testing.assert_array_equal(grouped.rows([1, 0]), values[:8].reshape(2, 4, 2)[::-1])
    np.testing.assert_array_equal(grouped.rows(range(2)), values[:8].reshape(2, 4, 2))
