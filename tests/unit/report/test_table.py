"""The comparison as rows and cells."""

from __future__ import annotations

from helpers import native_results, results

from workbench.execution.result import Result
from workbench.report.sheet import build_sheet
from workbench.report.table import BLANK, Row, comparison, conditions_of

SHEET = build_sheet(results.ordinary(), hosts=())
TABLE = comparison(SHEET)


def cell(row: Row, key: str, table: object = TABLE) -> str:
    keys = [column.key for column in table.columns]  # type: ignore[attr-defined]
    return row.cells[keys.index(key)].text


def test_int8_rows_come_first_and_reference_rows_below_the_line() -> None:
    measured, below = TABLE.groups
    order = [(row.run.label, row.run.precision) for row in measured.rows]
    assert [precision for _, precision in order] == ["int8"] * 3 + ["fp32"] * 2 + ["int8"]
    assert [row.run.status for row in measured.rows][-1] == "not_available"
    assert below.below_the_line
    assert {row.run.precision for row in below.rows} == {"simulated", "reference"}


def test_an_absent_runtime_stands_once_and_last() -> None:
    document = results.ordinary_document()
    absent = next(run for run in document["runs"] if run["status"] == "not_available")
    crashed = next(run for run in document["runs"] if run["status"] == "crashed")
    document["runs"] += [{**absent, "precision": "fp32"}, {**crashed, "precision": "fp32"}]
    rows = comparison(build_sheet(Result.model_validate(document), hosts=())).groups[0].rows
    assert [row.run.precision for row in rows if row.run.label == absent["label"]] == ["int8"]
    assert rows[-1].run.label == absent["label"]
    assert [row.run.precision for row in rows if row.run.label == crashed["label"]] == ["int8", "fp32"]


def test_an_absent_runtime_without_int8_stands_with_its_float_row() -> None:
    document = results.ordinary_document()
    for run in document["runs"]:
        run["precision"] = "fp32" if run["status"] == "not_available" else run["precision"]
    rows = comparison(build_sheet(Result.model_validate(document), hosts=())).groups[0].rows
    assert [row.run.precision for row in rows if row.run.status == "not_available"] == ["fp32"]


def test_word_stands_in_every_figure_below_the_line() -> None:
    for row in TABLE.groups[1].rows:
        figures = [one for one in row.cells[1:] if one.main != BLANK]
        assert figures
        assert all(row.run.word in one.text for one in figures)


def test_figures_of_a_row() -> None:
    row = TABLE.groups[0].rows[0]
    assert cell(row, "change") == "−0.2 [−0.6, +0.2]"
    assert cell(row, "changed") == "342 (71 / 67)"
    assert cell(row, "own_fp32") == "2.8× [2.7, 2.9]"
    assert cell(row, "rate") == "1,154 [1,144, 1,162] SUSTAINED"
    assert cell(row, "verdict") == "ship"


def test_failed_run_keeps_its_row_with_the_reason() -> None:
    rows = {row.run.label: row for row in TABLE.groups[0].rows}
    assert rows["Core ML"].message == "Core ML needs macOS."
    assert cell(rows["TensorRT"], "verdict") == "crashed (SIGSEGV)"


def test_best_is_marked_only_where_intervals_part() -> None:
    best = [row.run.label for row in TABLE.groups[0].rows if any(one.best for one in row.cells)]
    assert best == ["OpenVINO"]
    document = results.ordinary_document()
    for run in document["runs"]:
        if run.get("throughput_per_s"):
            run["throughput_per_s"]["interval"] = [100.0, 3000.0]
    equal = comparison(build_sheet(Result.model_validate(document), hosts=()))
    assert not any(one.best for group in equal.groups for row in group.rows for one in row.cells)


def test_best_is_sought_within_one_machine() -> None:
    document = results.ordinary_document()
    document["runs"][4]["machine"] = document["runs"][5]["machine"] = "m2"
    document["machines"].append({"id": "m2", "facts": {}})
    table = comparison(build_sheet(Result.model_validate(document), hosts=()))
    assert [group.title.split(" ")[-1] for group in table.groups[:2]] == ["m1", "m2"]
    assert all(any(one.best for row in group.rows for one in row.cells) for group in table.groups[:2])


def test_rows_that_came_back_say_when_they_were_measured_there() -> None:
    document = results.ordinary_document()
    document["machines"].append({"id": "m2", "facts": {}})
    for run in document["runs"][4:6]:
        run["machine"] = "m2"
        run["facts"] = {**run.get("facts", {}), "measured_utc": "2026-11-28T09:00:00Z"}
    titles = [group.title for group in comparison(build_sheet(Result.model_validate(document), hosts=())).groups]
    assert [title for title in titles if "imported" in title] == [
        "m2 \N{MIDDLE DOT} imported, measured there on 2026-11-28"
    ]


def test_empty_columns_are_left_out() -> None:
    assert "own_fp16" not in [column.key for column in TABLE.columns]
    assert len(comparison(build_sheet(results.all_null(), hosts=())).columns) == 3


def test_figure_without_interval_is_blank() -> None:
    document = results.ordinary_document()
    document["runs"][3]["throughput_per_s"]["interval"] = None
    table = comparison(build_sheet(Result.model_validate(document), hosts=()))
    assert cell(table.groups[0].rows[0], "rate", table) == BLANK


def test_sqnr_and_latency_stand_with_their_intervals_or_not_at_all() -> None:
    document = results.unlabelled().model_dump(mode="json")
    table = comparison(build_sheet(Result.model_validate(document), hosts=()))
    row = table.groups[0].rows[0]
    assert cell(row, "sqnr", table) == "15.8 [15.7, 16.0]"
    assert cell(row, "latency", table) == "0.867 / 0.936 [0.865, 0.868] [0.932, 0.940]"
    for run in document["runs"]:
        run["sqnr_db_interval"] = None
        run["latency_ms"] = run["latency_ms"] and {**run["latency_ms"], "p50_interval": None}
    table = comparison(build_sheet(Result.model_validate(document), hosts=()))
    assert "sqnr" not in [column.key for column in table.columns]
    assert cell(table.groups[0].rows[0], "latency", table) == f"{BLANK} / 0.936 [0.932, 0.940]"


def test_conditions() -> None:
    assert conditions_of(SHEET) == "batch 1; threads 1; scenario SingleStream; interleaving blocks of 5 s"
    document = results.ordinary_document()
    document["runs"][3]["threads"] = 2
    found = conditions_of(build_sheet(Result.model_validate(document), hosts=()))
    assert found == "batch 1; scenario SingleStream; interleaving blocks of 5 s; threads: see each run"
    document["runs"][3].update(throughput_per_s=None, reasons={"throughput_per_s": "the study measures no speed"})
    assert "not_applicable" not in conditions_of(build_sheet(Result.model_validate(document), hosts=()))


def test_agreement_and_sqnr_stand_in_for_accuracy() -> None:
    keys = [column.key for column in comparison(build_sheet(results.unlabelled(), hosts=())).columns]
    assert {"agreement", "sqnr"} <= set(keys)
    assert not {"accuracy", "change"} & set(keys)
    assert not {"agreement", "sqnr"} & {column.key for column in TABLE.columns}


def test_candidates_are_named_where_rows_would_read_alike() -> None:
    measured, below = comparison(build_sheet(results.two_candidates(), hosts=())).groups
    int8 = [row.cells[0].main for row in measured.rows if row.run.precision == "int8" and row.run.status == "ok"]
    assert all(" · " in name for name in int8)
    names = [row.cells[0].text for group in (measured, below) for row in group.rows]
    assert len(set(names)) == len(names)
    assert [row.cells[0].main for row in below.rows if row.run.precision == "reference"] == ["FP32 reference"]


def test_an_int8_run_in_float_kernels_stands_below_the_line_under_its_name() -> None:
    document = results.ordinary_document()
    first = next(run for run in document["runs"] if run["precision"] == "int8")
    first["facts"] = {"evidence": "simulated"}
    below = comparison(build_sheet(Result.model_validate(document), hosts=())).groups[-1]
    row = next(row for row in below.rows if row.run.label == first["label"])
    assert "simulated INT8 (float kernels)" in row.cells[0].text
    assert row.cells[1].text == "simulated"


def test_one_that_could_not_run_says_why_below_the_line_too() -> None:
    document = results.ordinary_document()
    absent = next(run for run in document["runs"] if run["status"] == "not_available")
    absent["facts"] = {"evidence": "simulated"}
    below = comparison(build_sheet(Result.model_validate(document), hosts=())).groups[-1]
    row = next(row for row in below.rows if row.run.label == absent["label"])
    assert "needs macOS" in row.message
    assert row.cells[1].text == "not measured"


def test_a_float_run_that_could_not_take_place_has_its_own_reason() -> None:
    document = results.ordinary_document()
    absent = next(run for run in document["runs"] if run["status"] == "not_available")
    own = {**absent, "precision": "fp32", "problem": {"message": "no GPU is here", "remedy": ""}}
    document["runs"].append(own)
    table = comparison(build_sheet(Result.model_validate(document), hosts=()))
    messages = {row.run.precision: row.message for row in table.groups[0].rows if row.run.label == absent["label"]}
    assert messages["fp32"] == "no GPU is here"
    assert "needs macOS" in messages["int8"]


def test_a_long_candidate_has_a_line_of_its_own() -> None:
    table = comparison(build_sheet(native_results.native(), hosts=()))
    firsts = [row.cells[0] for row in table.groups[0].rows]
    native = next(first for first in firsts if first.sub == native_results.TITLE)
    assert (native.main, native.note) == (results.ORT, "1.31.1 INT8")
    assert f"{results.ORT} \N{MIDDLE DOT} model" in [first.main for first in firsts]
