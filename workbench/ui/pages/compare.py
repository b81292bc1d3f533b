"""The Compare page, top to bottom: verdict sentences, the table, accuracy against speed, the error split, samples.

The buttons that hand the finding over stay in view below, beside what the set resolves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.execution.result import Problem, Result
from workbench.report import verdicts
from workbench.report.compare import PUT_TOGETHER
from workbench.report.exchanges import exchange_lines
from workbench.report.pairs import disagreement_lines
from workbench.report.sheet import Sentence, Sheet, build_sheet
from workbench.report.split import splits
from workbench.report.table import comparison, conditions_of
from workbench.report.worst import SampleCard, disagreement_cards, worst_cards
from workbench.ui.desk import Desk
from workbench.ui.elsewhere import can_be_bundled, choose_and_import, make_bundle
from workbench.ui.export_model import export_models
from workbench.ui.halves import Halves
from workbench.ui.next_step import NextStep
from workbench.ui.pages.chart_slot import ChartSlot
from workbench.ui.pages.compare_parts import Chips, NoteLine, SplitWords, VerdictList
from workbench.ui.pages.compare_table import headings_of, rows_of
from workbench.ui.pages.samples_strip import SamplesStrip
from workbench.ui.tab_order import set_tab_order
from workbench.ui.tables.view import TablePanel
from workbench.ui.turns import Turns
from workbench.ui.widgets import Page, button, card, clear, column, label, line, row, say, themed_icon

TITLE, NOTHING = "Compare", "No result yet"
SCATTER_MOST_PX, EMPTY_MOST_PX = 560, 110
FEW_ROWS = 3
ERROR_TITLE = "Where the error comes from"
NOTHING_BELOW = "Run the study, or open a finished one: its verdicts, figures and worst samples stand here."
NO_RESULT = (NOTHING, NOTHING_BELOW, "run", "Go to Run")
NO_RUNTIMES = ("No runtime was part of this study", "Choose where it runs, then run it.", "runtimes", "Choose runtimes")


class ComparePage(QWidget):
    """What a study found, or what two studies found side by side."""

    failed = Signal(str, object)
    goto = Signal(str)
    open_requested = Signal(object)
    result_ready = Signal(object)

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._result: Result | None = None
        self._sheet: Sheet | None = None
        self._folder: Path | None = None
        theme = desk.theme
        self.page = Page(TITLE)
        self.next_step = NextStep(*NO_RESULT, opens=True)
        self.chips, self.verdict_list = Chips(), VerdictList(theme)
        self.notes, self.after_table = column(spacing=2), label("", "small", wrap=True)
        self.table = TablePanel(theme, "comparison", grows=True)
        self.scatter = ChartSlot(theme, "Accuracy against speed")
        self.split_words, self.split_bars = SplitWords(theme), ChartSlot(theme, ERROR_TITLE, framed=False)
        self.strip = SamplesStrip(theme, "Samples")
        self.samples_words, self.samples_switch = (
            label("", "small", wrap=True),
            button("Show those that moved most", self._switch_samples, "link"),
        )
        self._turns = Turns(self)
        self._arrange()
        self.next_step.goto.connect(self.goto)
        self.next_step.open_requested.connect(self.open_requested)
        self.show_result(None, None)

    @property
    def is_ready(self) -> bool:
        """Whether everything stands there that was to be shown."""
        return self._turns.is_done

    def show_result(self, result: Result | None, folder: Path | None) -> None:
        """Show a study's result; None shows what is missing."""
        self._result, self._folder = result, folder
        self._show(None if result is None else build_sheet(result))

    def show_result_soon(self, result: Result | None, folder: Path | None) -> None:
        """Show a study's result part by part, so that the window does not stall."""
        if result is None:
            self.show_result(None, None)
            return
        self._result, self._folder, self._sheet = result, folder, None
        self._turns.begin([lambda: self._turns.begin(self._small_pieces(build_sheet(result)))])

    def show_comparison(self, sheet: Sheet) -> None:
        """Show several studies put together by report.compare; there is nothing to export then."""
        self._result, self._folder = None, None
        self._show(sheet)

    def _arrange(self) -> None:
        self._verdict_card, inside = card()
        inside.addWidget(self.verdict_list)
        inside.addLayout(self.notes)
        self._table_card, inside = card()
        inside.setContentsMargins(10, 12, 10, 12)
        inside.addWidget(self.table)
        inside.addWidget(self.after_table)
        self._split_card, self._below_bars = card()
        self._below_bars.setContentsMargins(16, 12, 16, 12)
        self._below_bars.addWidget(self.split_bars, 1)
        self._words_card, self._below_scatter = card("In words")
        self.scatter.setMaximumHeight(SCATTER_MOST_PX)
        left = QWidget()
        beside = column(self.scatter, self._words_card, None)
        beside.setStretch(0, 1000)
        left.setLayout(beside)
        self._charts = Halves(left, self._split_card)
        self._samples_card, inside = card()
        self._samples_title = label("", "heading")
        inside.addLayout(row(self._samples_title, None, self.samples_switch))
        inside.addWidget(self.samples_words)
        inside.addWidget(self.strip)
        parts = (self.chips, self._verdict_card, self._table_card, self._charts, self._samples_card)
        for part in (*parts, self.next_step):
            self.page.body.addWidget(part)
        self.page.body.addStretch(1)
        self._shown_with_result = parts
        outside = QVBoxLayout(self)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.setSpacing(0)
        outside.addWidget(self.page, 1)
        self._foot = self._footer()
        outside.addWidget(self._foot)

    def _footer(self) -> QWidget:
        made = QWidget()
        self.resolves = label("", wrap=True)
        theme = self._desk.theme
        self.export_button = themed_icon(button("Export model", self._export), theme, "export")
        self.import_button = button("Import result", self._import, tip="Import what another machine answered")
        self.sheet_button = button("Sheet", lambda: self.goto.emit("sheet"), "primary", "Open the disclosure sheet")
        self.present_button = themed_icon(button("Present", self.present, tip="Present (F5)"), theme, "present")
        buttons = (self.present_button, self.import_button, self.export_button, self.sheet_button)
        inside = row(self.resolves, *buttons, spacing=8)
        inside.setContentsMargins(24, 10, 24, 10)
        made.setLayout(column(line(), inside, spacing=0))
        return made

    def _show(self, sheet: Sheet | None) -> None:
        self._turns.stop()
        for piece in self._pieces(sheet):
            piece()

    def _pieces(self, sheet: Sheet | None) -> list[Callable[[], object]]:
        """Return what makes the page, from top to bottom."""
        if sheet is None:
            return [lambda: self._show_head(None)]
        return [
            lambda: self._show_head(sheet),
            lambda: self._show_table(sheet),
            lambda: self._show_scatter(sheet),
            lambda: self._show_split(sheet),
            lambda: self._show_samples(disagreements=False),
            lambda: set_tab_order(self),
        ]

    def _small_pieces(self, sheet: Sheet) -> list[Callable[[], object]]:
        """Return the same, with charts made ahead of their figures and samples a few at a time."""
        head, table, scatter, split, _samples, order = self._pieces(sheet)
        made = (self.scatter.made_chart, scatter, self.split_bars.made_chart, split)
        return [head, table, *made, lambda: self._show_samples_soon(order)]

    def _show_samples_soon(self, order: Callable[[], object]) -> None:
        cards = self._name_samples(disagreements=False)
        self.strip.show_cards(cards[:FEW_ROWS])
        more = [cards[start : start + FEW_ROWS] for start in range(FEW_ROWS, len(cards), FEW_ROWS)]
        self._turns.begin([*(partial(self.strip.add_cards, few) for few in more), order])

    def _show_head(self, sheet: Sheet | None) -> None:
        self._sheet = sheet
        for part in (*self._shown_with_result, self._foot):
            part.setVisible(sheet is not None)
        if sheet is None:
            self.next_step.say(*NO_RESULT)
            self.page.set_title(TITLE, "")
            self.next_step.show()
            return
        self.next_step.say(*NO_RUNTIMES)
        self.next_step.setVisible(not sheet.runs and self._result is not None)
        for part in (self._table_card, self._charts, self._samples_card):
            part.hide()
        self.page.set_title(sheet.title, "")
        self.chips.show_chips(sheet.chips)
        self.verdict_list.show_sentences(sheet.sentences, self._problem_of, self._bundle_of)
        self._show_notes(sheet)
        self._show_footer(sheet)

    def _show_notes(self, sheet: Sheet) -> None:
        """Show the disagreements with their button, what a tool-chain alone changes, then every finding."""
        clear(self.notes)
        result = self._result
        said = verdicts.disagreements(result) if result else disagreement_lines(sheet)
        can_show = bool(result and disagreement_cards(result, None, 1))
        shown = next((text for text in said if can_show and " disagree on " in text), None)
        for said_line in said:
            if said_line == shown:
                note = NoteLine(said_line, "Show", f"Show samples: {said_line}")
                note.pressed.connect(self._show_disagreements)
                self.notes.addWidget(note)
            else:
                self.notes.addWidget(label(said_line, wrap=True))
        for exchanged in exchange_lines(result) if result else []:
            self.notes.addWidget(label(exchanged, wrap=True, selectable=True))
        for finding in dict.fromkeys([*sheet.findings, *(f"{r.label}: {f}" for r in sheet.runs for f in r.findings)]):
            self.notes.addWidget(label(finding, "warn", wrap=True, selectable=True))

    def _show_table(self, sheet: Sheet) -> None:
        found = comparison(sheet)
        self.table.set_rows(headings_of(found), rows_of(found))
        conditions = conditions_of(sheet)
        speeds = [note for note in sheet.notes if note.startswith("Speed")]
        words = [
            "Intervals at 95 %; verdicts are judged on the interval.",
            f"Speed: {conditions}." if conditions else "",
            *speeds,
        ]
        say(self.after_table, " ".join(filter(None, words)))
        self._table_card.setVisible(bool(sheet.runs))

    def _show_scatter(self, sheet: Sheet) -> None:
        from workbench.ui.charts.scatter import scatter_figure, why_no_scatter  # noqa: PLC0415  (after the first paint)

        figure = scatter_figure(sheet)
        self.scatter.setMaximumHeight(SCATTER_MOST_PX if figure else EMPTY_MOST_PX)
        self.scatter.show_figure(figure, "" if figure else why_no_scatter(sheet))

    def _show_split(self, sheet: Sheet) -> None:
        from workbench.ui.charts.bars import error_figure  # noqa: PLC0415  (after the first paint)

        found = splits(sheet)
        # Many bars are higher than the scatter: the words then stand below that one.
        beside = len(found) > FEW_ROWS
        (self._below_scatter if beside else self._below_bars).addWidget(self.split_words)
        self._words_card.setVisible(beside)
        self.split_words.show_splits(found)
        self.split_bars.show_figure(error_figure(sheet), "No run has a measured distance to FP32.")
        self._charts.setVisible(bool(sheet.runs))

    def _show_samples(self, *, disagreements: bool) -> None:
        self.strip.show_cards(self._name_samples(disagreements=disagreements))

    def _name_samples(self, *, disagreements: bool) -> Sequence[SampleCard]:
        """Say which samples stand below, and return them."""
        result = self._result
        self._samples_card.setVisible(result is not None and bool(result.runs))
        if result is None:
            return ()
        self._disagreements_shown = disagreements
        cards: Sequence[SampleCard] = (disagreement_cards if disagreements else worst_cards)(result, self._folder)
        self._samples_title.setText("Samples they disagree on" if disagreements else "Samples whose answers moved most")
        say(self.samples_words, _about_samples(cards, result, disagreements=disagreements))
        self.samples_switch.setVisible(disagreements)
        self.strip.setVisible(bool(cards))
        return cards

    def _show_disagreements(self) -> None:
        self._show_samples(disagreements=True)
        self.page.ensureWidgetVisible(self._samples_card, 0, 24)
        self.samples_switch.setFocus()

    def _switch_samples(self) -> None:
        self._show_samples(disagreements=not self._disagreements_shown)

    def _show_footer(self, sheet: Sheet) -> None:
        result = self._result
        unknown = "What this set resolves is not known: it has no labels or no runs."
        origin = next((note for note in sheet.notes if note.startswith(PUT_TOGETHER)), "")
        self.resolves.setText((verdicts.resolution(result) or unknown) if result else origin)
        has_models = any(run.artifact_sha256 for run in result.runs) if result else False
        self.export_button.setEnabled(has_models and self._folder is not None)
        self.export_button.setToolTip("" if has_models else "No model was built")
        self.sheet_button.setVisible(result is not None)
        self.import_button.setVisible(result is not None and self._folder is not None)

    def _problem_of(self, sentence: Sentence) -> Problem | None:
        runs = self._result.runs if self._result else []
        own = [run for run in runs if (run.label, run.candidate) == (sentence.label, sentence.candidate)]
        return next((run.problem for run in own if run.status != "ok" and run.problem), None)

    def _bundle_of(self, sentence: Sentence) -> Callable[[], object] | None:
        """Return what makes the bundle of a row that cannot run here and can run elsewhere."""
        runs = self._result.runs if self._result else []
        own = [run for run in runs if (run.label, run.candidate) == (sentence.label, sentence.candidate)]
        runtime = next((run.runtime for run in own if run.status == "not_available"), "")
        folder, desk = self._folder, self._desk
        if folder is None or not can_be_bundled(runtime):
            return None
        return lambda: make_bundle(self, desk.bridge, desk.theme, folder, runtime, self.failed.emit)

    def _import(self) -> None:
        if self._folder is not None:
            choose_and_import(self, self._desk.bridge, self._folder, self.failed.emit, self.result_ready.emit)

    def _export(self) -> None:
        if self._folder is not None:
            export_models(self, self._desk.bridge, self._folder, self.failed.emit)

    def present(self) -> bool:
        """Open the slides of what is shown; whether there was anything to present."""
        from workbench.ui.presentation import present  # noqa: PLC0415  (a window of its own)

        sheet = self._sheet or (build_sheet(self._result) if self._result else None)
        if sheet is not None:
            present(self, self._desk.theme, sheet)
        return sheet is not None


def _about_samples(cards: Sequence[SampleCard], result: Result, *, disagreements: bool) -> str:
    if not cards:
        return "No sample is on record."
    text = "In the order of the set." if disagreements else "Largest distance to FP32 first, over all INT8 rows."
    evaluation = result.data.get("evaluation")
    if evaluation is not None and evaluation.kind != "images":
        text += " The samples are arrays: there are no pictures."
    return text
