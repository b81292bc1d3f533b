"""Several sheets in one comparison; refuses what is not comparable.

Hash of the evaluation set, task and labels must agree. Model, scheme, runtime version or machine may differ, and the
title says which. Speed ratios are kept as each sheet measured them, within one machine; none is made across sheets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.errors import SheetError
from workbench.report import numbers
from workbench.report.fields import NOT_DISCLOSED, is_disclosed
from workbench.report.formats import number_of, pair_of
from workbench.report.names import row_name
from workbench.report.sheet import Chip, Part, Sentence, Sheet, SheetRun, seal

PUT_TOGETHER = "Put together from the sheets"
DOT = " \N{MIDDLE DOT} "
_MUST_AGREE = (
    ("evaluation.sha256", "evaluation set"),
    ("task.kind", "task"),
    ("task.metric", "metric"),
    ("preprocess", "preprocessing"),
)


def compare_sheets(sheets: Sequence[Sheet]) -> Sheet:
    """Return one sheet that holds the runs of all; renderers and the terminal show it as any other.

    Candidates and machines of equal facts are shown once; labels get a number where two sheets share a row.

    Raises:
        SheetError: fewer than two sheets, or the evaluation set, task, metric, preprocessing or labels differ or are
            not disclosed.
    """
    if len(sheets) < 2:
        raise SheetError("A comparison needs at least two sheets", how="Name two or more sheet.json files.")
    _refuse_different(sheets)
    _refuse_other_labels(sheets)
    renamed = _with_distinct_names(sheets)
    first = renamed[0]
    differing = what_differs(sheets)
    title = _title(sheets, differing)
    sentences = _with_names([sentence for sheet in renamed for sentence in sheet.sentences])
    runs = _without_repeats([run for sheet in renamed for run in sheet.runs])
    merged = first.model_copy(
        update={
            "created_utc": max(sheet.created_utc for sheet in sheets),
            "title": title,
            "headline": _headline(title, sentences, runs),
            "chips": [
                *_legend(sheets),
                *(chip for chip in first.chips if all(chip in sheet.chips for sheet in sheets)),
            ],
            "sentences": sentences,
            "notes": _notes(sheets),
            "study": _merged_study(sheets),
            "candidates": _unique([part for sheet in renamed for part in sheet.candidates]),
            "machines": _unique([part for sheet in renamed for part in sheet.machines]),
            "runs": runs,
            "disagreements": [entry for sheet in renamed for entry in sheet.disagreements],
            "verdicts": [entry for sheet in renamed for entry in sheet.verdicts],
            "gates": first.gates if all(sheet.gates == first.gates for sheet in sheets) else {},
            "findings": list(dict.fromkeys(line for sheet in sheets for line in sheet.findings)),
            "included": sorted({name for sheet in sheets for name in sheet.included}),
        }
    )
    return seal(merged)


def what_differs(sheets: Sequence[Sheet]) -> list[str]:
    """Return in words what differs between sheets, such as "the scheme" or "the runtime version"."""
    facts: dict[str, list[Any]] = {
        "the model": [sheet.study.get("model.sha256") for sheet in sheets],
        "the scheme": [[part.fields.get("scheme.requested") for part in sheet.candidates] for sheet in sheets],
        "the calibration set": [sheet.study.get("calibration.sha256") for sheet in sheets],
        "the plan": [[part.fields.get("scheme.plan_sha256") for part in sheet.candidates] for sheet in sheets],
        "the runtime": [sorted({run.runtime for run in sheet.runs}) for sheet in sheets],
        "the machine": [sorted((_lasting(part) for part in sheet.machines), key=str) for sheet in sheets],
        "the measuring profile": [sheet.study.get("profile") for sheet in sheets],
    }
    found = [words for words, values in facts.items() if any(value != values[0] for value in values)]
    if {"the model", "the scheme", "the calibration set"} & set(found):
        found = [words for words in found if words != "the plan"]  # another plan follows from each
    if _versions_differ(sheets):
        found.append("the runtime version")
    return found


def _legend(sheets: Sequence[Sheet]) -> list[Chip]:
    """Return which sheet each number behind a label stands for, with the time it was made."""
    return [
        Chip(
            text=f"#{index}: {_minute(sheet.created_utc)} UTC, sheet {numbers.short_hash(sheet.sheet_sha256)}",
            state="plain",
        )
        for index, sheet in enumerate(sheets, start=1)
    ]


def _minute(created_utc: str) -> str:
    return created_utc[:16].replace("T", " ")


def _lasting(part: Part) -> dict[str, Any]:
    """Return a machine's facts without those that each start of the program measures anew."""
    return {key: value for key, value in part.fields.items() if key != "machine.clock"}


def _refuse_different(sheets: Sequence[Sheet]) -> None:
    for key, words in _MUST_AGREE:
        values = [sheet.study.get(key) for sheet in sheets]
        if key == "evaluation.sha256" and not all(is_disclosed(value) for value in values):
            raise SheetError("These sheets cannot be compared", why=f"the {words} is {NOT_DISCLOSED} in one of them")
        if any(value != values[0] for value in values):
            shown = " and ".join(dict.fromkeys(map(_short, _differing_parts(values))))
            raise SheetError(
                "These sheets cannot be compared",
                why=f"the {words} differs: {shown}",
                how="Run both studies on the same evaluation set and task.",
            )


def _refuse_other_labels(sheets: Sequence[Sheet]) -> None:
    """Refuse equal outputs of another accuracy: a sheet holds no labels, but they must have been other ones."""
    shares: dict[str, float] = {}
    for run in (run for sheet in sheets for run in sheet.runs):
        outputs, share = run.fields.get("outputs_sha256"), number_of(run.fields.get("accuracy"))
        if share is None or not isinstance(outputs, str) or not is_disclosed(outputs):
            continue
        if shares.setdefault(outputs, share) != share:
            raise SheetError(
                "These sheets cannot be compared",
                why=f"the labels or class_offset differ: the same outputs are right in {shares[outputs]:.1%} and in "
                f"{share:.1%} of the samples",
                how="Run both studies with the same labels.",
            )


def _differing_parts(values: Sequence[Any]) -> list[Any]:
    """Return the values, tables without the keys in which all agree."""
    if not all(isinstance(value, dict) for value in values):
        return list(values)
    keys = {key for value in values for key in value}
    differing = {key for key in keys if any(value.get(key) != values[0].get(key) for value in values)}
    return [{key: found for key, found in value.items() if key in differing} for value in values]


def _short(value: Any) -> str:
    text = ", ".join(f"{key} = {found}" for key, found in value.items()) if isinstance(value, dict) else str(value)
    return numbers.shorten(text or "nothing", 40)


def _versions_differ(sheets: Sequence[Sheet]) -> bool:
    seen: dict[str, Any] = {}
    for sheet in sheets:
        for run in sheet.runs:
            versions = run.fields.get("versions")
            if run.status != "ok" or run.word or not is_disclosed(versions):
                continue
            if seen.setdefault(run.runtime, versions) != versions:
                return True
    return False


def _with_distinct_names(sheets: Sequence[Sheet]) -> list[Sheet]:
    """Return the sheets with labels, candidates and machines that no two of them share for different things."""
    labels = _clashing([[(run.label, run.candidate) for run in sheet.runs if not run.word] for sheet in sheets])
    found = []
    for index, sheet in enumerate(sheets, start=1):
        names = {label: f"{label} #{index}" for label, _ in labels}
        machines = {part.name: _machine_name(part, sheets, index) for part in sheet.machines}
        candidates = {part.name: _part_name(part, sheets, index) for part in sheet.candidates}
        found.append(_renamed(sheet, names, machines, candidates))
    return found


def _clashing(rows: Sequence[Sequence[tuple[str, str]]]) -> set[tuple[str, str]]:
    sets = [set(row) for row in rows]
    return {row for i, mine in enumerate(sets) for other in sets[i + 1 :] for row in mine & other}


def _machine_name(part: Part, sheets: Sequence[Sheet], index: int) -> str:
    others = [other for sheet in sheets for other in sheet.machines if other.name == part.name]
    return part.name if all(_lasting(other) == _lasting(part) for other in others) else f"{part.name} #{index}"


def _part_name(part: Part, sheets: Sequence[Sheet], index: int) -> str:
    others = [other for sheet in sheets for other in sheet.candidates if other.name == part.name]
    return part.name if all(other.fields == part.fields for other in others) else f"{part.name} #{index}"


def _renamed(sheet: Sheet, labels: dict[str, str], machines: dict[str, str], candidates: dict[str, str]) -> Sheet:
    def who(entry: Any) -> dict[str, str]:
        return {
            "label": labels.get(entry.label, entry.label),
            "candidate": candidates.get(entry.candidate, entry.candidate),
        }

    return sheet.model_copy(
        update={
            "runs": [_renamed_run(run, who(run), machines) for run in sheet.runs],
            "sentences": [entry.model_copy(update=who(entry)) for entry in sheet.sentences],
            "verdicts": [entry.model_copy(update=who(entry)) for entry in sheet.verdicts],
            "disagreements": [
                entry.model_copy(
                    update={
                        "label_a": labels.get(entry.label_a, entry.label_a),
                        "label_b": labels.get(entry.label_b, entry.label_b),
                        "candidate": candidates.get(entry.candidate, entry.candidate),
                    }
                )
                for entry in sheet.disagreements
            ],
            "machines": [part.model_copy(update={"name": machines[part.name]}) for part in sheet.machines],
            "candidates": [part.model_copy(update={"name": candidates[part.name]}) for part in sheet.candidates],
        }
    )


def _renamed_run(run: SheetRun, who: dict[str, str], machines: dict[str, str]) -> SheetRun:
    title = run.title.replace(run.label, who["label"], 1)
    return run.model_copy(update={**who, "title": title, "machine": machines.get(run.machine, run.machine)})


def _with_names(sentences: Sequence[Sentence]) -> list[Sentence]:
    """Return the sentences with leads that tell candidates apart where there are several."""
    several = len({sentence.candidate for sentence in sentences}) > 1
    return [
        entry.model_copy(update={"lead": f"{row_name(entry.label, entry.candidate, several)}: {entry.word}."})
        for entry in sentences
    ]


def _title(sheets: Sequence[Sheet], differing: list[str]) -> str:
    titles = [[part for part in sheet.title.split(DOT) if not part.startswith("what differs")] for sheet in sheets]
    head = [" / ".join(dict.fromkeys(parts)) for parts in zip(*titles, strict=False)]
    return DOT.join([*head, f"what differs: {', '.join(differing) or 'nothing but the run'}"])


def _headline(title: str, sentences: Sequence[Sentence], runs: Sequence[SheetRun]) -> str:
    parts = [f"{entry.lead.rstrip('.')}{_change(entry, runs)}" for entry in sentences]
    return f"{title}. {'; '.join(parts) or 'Nothing was measured'}."


def _change(sentence: Sentence, runs: Sequence[SheetRun]) -> str:
    """Return the change of accuracy behind a sentence in brackets, "" where there is none with an interval."""
    who = (sentence.label, sentence.candidate, "int8")
    run = next((run for run in runs if (run.label, run.candidate, run.precision) == who), None)
    figure = run.fields.get("accuracy_change_points") if run else None
    value, pair = number_of(figure), pair_of(figure)
    return "" if value is None or pair is None else f" ({numbers.points(value, pair)} points)"


def _notes(sheets: Sequence[Sheet]) -> list[str]:
    origin = ", ".join(numbers.short_hash(sheet.sheet_sha256) for sheet in sheets)
    shared = [note for note in sheets[0].notes if all(note in sheet.notes for sheet in sheets)]
    return [*shared, f"{PUT_TOGETHER} {origin}.", "Speed ratios stand within one machine and one sheet."]


def _merged_study(sheets: Sequence[Sheet]) -> dict[str, Any]:
    keys = dict.fromkeys(key for sheet in sheets for key in sheet.study)
    merged: dict[str, Any] = {}
    for key in keys:
        values = [sheet.study.get(key, NOT_DISCLOSED) for sheet in sheets]
        same = all(value == values[0] for value in values)
        merged[key] = values[0] if same else " | ".join(dict.fromkeys(str(value) for value in values))
    return merged


def _without_repeats(runs: Sequence[SheetRun]) -> list[SheetRun]:
    """Return the runs without reference and simulated ones that another sheet brought already, figure by figure.

    The FP32 reference belongs to a model; which candidate a sheet names beside it makes it no other run.
    """
    found: dict[str, SheetRun] = {}
    for number, run in enumerate(runs):
        alike = run.model_copy(update={"candidate": ""}) if run.precision == "reference" else run
        found.setdefault(alike.model_dump_json() if run.word else str(number), run)
    return list(found.values())


def _unique(parts: Sequence[Part]) -> list[Part]:
    return list({part.name: part for part in parts}.values())
