"""Labels: numbers are class indices, names are ranked; the CSV and its mistakes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import DataError
from workbench.model.labels import class_indices, read_label_csv, refuse_mixed_labels


def test_names_are_ranked_in_sorted_order_over_all_classes():
    assert class_indices(["cat", "ant"], ["dog", "cat", "ant", "bee"]) == ((2, 0), ("ant", "bee", "cat", "dog"))


def test_numbers_are_the_class_index_not_the_rank():
    assert class_indices(["10", "2"], ["2", "10"]) == ((10, 2), ())


@given(st.lists(st.integers(-(10**17), 10**17), min_size=1))
def test_every_number_is_kept(values):
    texts = [str(value) for value in values]
    assert class_indices(texts, texts) == (tuple(values), ())


@given(st.lists(st.text(alphabet="abcxyz", min_size=1), min_size=1))
def test_names_and_indices_fit_together(texts):
    indices, names = class_indices(texts, texts)
    assert [names[index] for index in indices] == texts
    assert list(names) == sorted(set(texts))


def test_mixed_labels_are_refused_naming_the_odd_one():
    with pytest.raises(DataError, match="'1O' is not a whole number"):
        refuse_mixed_labels(["9", "1O", "11"], "labels.csv")
    refuse_mixed_labels(["1", "2"], "labels.csv")
    refuse_mixed_labels(["a", "b"], "labels.csv")


def test_csv_is_read_with_byte_order_mark_quotes_blank_lines_and_more_columns(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes('\ufefffile,label,note\r\n"a,b.png",3,x\r\n\r\nsub/c.png, 4 ,\r\n'.encode())
    assert read_label_csv(path) == {"a,b.png": "3", "sub/c.png": "4"}


@pytest.mark.parametrize(
    "content",
    [
        b"file;label\na.png;cat\nsub/b.png;dog\n",
        b"file\tlabel\na.png\tcat\nsub/b.png\tdog\n",
        b'"File", "Label"\r\n"a.png", "cat"\r\n"sub/b.png", "dog"\r\n',
        b"FILE,LABEL\ra.png,cat\rsub\\b.png,dog\r",
        b"label;note, long;file\ncat;x, y;a.png\ndog;;sub/b.png\n",
    ],
    ids=["semicolons", "tabs", "quotes and spaces", "backslashes", "commas in a note"],
)
def test_what_spreadsheets_write_is_read(content, tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    assert read_label_csv(path) == {"a.png": "cat", "sub/b.png": "dog"}


def test_whole_numbers_written_as_floats_are_numbers_not_names_in_the_order_of_texts(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("file,label\n" + "".join(f"{i}.png,{i}.0\n" for i in range(12)))
    rows = read_label_csv(path)
    assert class_indices(list(rows.values()), list(rows.values())) == (tuple(range(12)), ())
    path.write_text("file,label\na.png,1.5\nb.png,2\n")
    with pytest.raises(DataError, match="mixes numbers and names"):
        read_label_csv(path)


def test_a_header_of_other_names_is_quoted_back(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("filename,class\na.png,1\n")
    with pytest.raises(DataError, match="its first line is 'filename, class'"):
        read_label_csv(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file,label\n..\\x.png,1\n", "outside the folder"),
        (b"a.png,1\n", "lacks the header file,label"),
        (b"", "lacks the header"),
        (b"file,label\n", "lists no files"),
        (b"file,label\na.png\n", "line 2 lacks"),
        (b"file,label\na.png,\n", "line 2 lacks"),
        (b"file,label\na.png,1\na.png,1\n", "lists a.png twice"),
        (b"file,label\n/etc/x.png,1\n", "outside the folder"),
        (b"file,label\n../x.png,1\n", "outside the folder"),
        (b"file,label\na.png,1\nb.png,cat\n", "mixes numbers and names"),
        (b"\xff\xfe\x00file", "not a CSV file"),
        (b'file,label\n"a.png,1\n', "not a CSV file"),
    ],
)
def test_damaged_csv_is_refused(tmp_path, content, message):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_label_csv(path)


def test_missing_csv_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.csv cannot be read"):
        read_label_csv(tmp_path / "absent.csv")
