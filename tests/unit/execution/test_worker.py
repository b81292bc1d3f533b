"""The worker's side: the channel's lines, thinned progress, cancel, and every error as a value."""

from __future__ import annotations

import errno
import io
import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import ContractError, JobCancelledError, ModelError
from workbench.execution import worker
from workbench.execution.jobs import PluginRef
from workbench.execution.worker import Channel, error_document, find_handler, peak_rss_bytes, perform


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    return Channel(io.StringIO(), tmp_path)


def lines(channel: Channel) -> list[dict[str, Any]]:
    stream = channel._out
    assert isinstance(stream, io.StringIO)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def job(handler: Any, monkeypatch: pytest.MonkeyPatch, plugin: dict[str, Any] | None = None) -> dict[str, Any]:
    monkeypatch.setattr(worker, "find_handler", lambda kind: handler)
    return {"kind": "test", "plugin": plugin, "arguments": {"a": 1}}


def test_events_are_lines_and_nan_is_refused(channel: Channel) -> None:
    channel.event("one", text="a\nb", value=1)
    with pytest.raises(ValueError, match="JSON"):
        channel.event("two", value=float("nan"))
    assert lines(channel) == [{"event": "one", "text": "a\nb", "value": 1}]


def test_progress_is_thinned_but_the_last_is_told(channel: Channel) -> None:
    for done in range(1, 1001):
        channel.progress(done, 1000, "samples")
    told = lines(channel)
    assert len(told) < 200
    assert told[0]["done"] == 1
    assert told[-1] == {"event": "progress", "done": 1000, "total": 1000, "text": "samples"}


def test_commands_come_in_order_and_cancel_interrupts(channel: Channel) -> None:
    channel.take({"command": "block", "seconds": 1})
    assert channel.next_command() == {"command": "block", "seconds": 1}
    channel.check_cancelled()
    channel.take({"command": "cancel"})
    with pytest.raises(JobCancelledError):
        channel.next_command()
    with pytest.raises(JobCancelledError):
        channel.check_cancelled()


def test_a_handler_gets_its_arguments_and_its_value_is_the_answer(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def handler(plugin: Any, arguments: Any, given: Channel) -> dict[str, int]:
        seen.extend([plugin, arguments, given])
        return {"b": 2}

    assert perform(job(handler, monkeypatch), channel) == {"final": "ok", "value": {"b": 2}}
    assert seen == [None, {"a": 1}, channel]


@pytest.mark.parametrize(
    ("error", "final", "kind"),
    [
        (ModelError("No", why="w", how="h"), "failed", "ModelError"),
        (ValueError("bad"), "failed", "ValueError"),
        (SystemExit(3), "failed", "SystemExit"),
        (KeyboardInterrupt(), "failed", "KeyboardInterrupt"),
        (JobCancelledError("stop"), "cancelled", "JobCancelledError"),
    ],
)
def test_any_error_becomes_a_value(
    channel: Channel, monkeypatch: pytest.MonkeyPatch, error: BaseException, final: str, kind: str
) -> None:
    def handler(*_: Any) -> dict[str, Any]:
        raise error

    answer = perform(job(handler, monkeypatch), channel)
    assert (answer["final"], answer["error"]["kind"]) == (final, kind)
    assert "in handler" in answer["error"]["traceback"]
    assert answer["error"]["message"]


def test_an_answer_that_is_no_json_is_an_error(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ({"a": float("inf")}, {"a": Path()}):
        answer = perform(job(lambda *_, value=value: value, monkeypatch), channel)
        assert answer["final"] == "failed"


def test_a_users_error_keeps_its_three_parts_and_its_cause() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as cause:
            raise ModelError("It is wrong", why="old", how="Mend it.") from cause
    except ModelError as error:
        document = error_document(error, None)
    assert (document["what"], document["why"], document["how"]) == ("It is wrong", "old", "Mend it.")
    assert "KeyError: 'inner'" in document["traceback"]


def test_a_failed_import_says_what_to_install() -> None:
    error = ModuleNotFoundError("No module named 'x'")
    plugin = PluginRef("p", Path("p"), ("x==1", "y"))
    assert error_document(error, plugin)["how"].endswith("-m pip install x==1 y")
    assert error_document(error, None)["how"] == ""


def test_a_full_disk_says_so() -> None:
    document = error_document(OSError(errno.ENOSPC, "No space left on device"), None)
    assert (document["what"], document["how"][:12]) == ("[Errno 28] No space left on device", "Make room on")


def test_a_mistake_in_a_plugins_code_says_what_it_is_and_where(tmp_path: Path) -> None:
    plugin = PluginRef("mine", tmp_path)
    code = "def run(feeds):\n    return feeds['input']\n"
    (tmp_path / "runtime.py").write_text(code, encoding="utf-8")
    names: dict[str, Any] = {}
    exec(compile(code, str(tmp_path / "runtime.py"), "exec"), names)
    with pytest.raises(KeyError) as caught:
        names["run"]({})
    assert error_document(caught.value, plugin)["what"] == "KeyError: 'input' (runtime.py, line 2, in run)"
    assert error_document(TypeError("realise() takes 3"), plugin)["what"] == "TypeError: realise() takes 3"
    assert error_document(ValueError("mine has no option 'x'"), plugin)["what"] == "mine has no option 'x'"
    ended = error_document(SystemExit(3), plugin)
    assert ended["what"] == "the plugin's code ended the program with sys.exit(3)"


def test_handlers_are_found_by_kind() -> None:
    for kind in ("probe", "realise", "prepare", "read_back", "cell"):
        assert callable(find_handler(kind))
    with pytest.raises(ContractError, match=r"no job kind 'nonsense'; known: .*cell.*probe"):
        find_handler("nonsense")


def test_a_broken_handler_module_is_not_mistaken_for_an_absent_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "zz_broken_handlers.py").write_text("import zz_not_there\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(worker, "HANDLER_MODULES", ("zz_absent_handlers", "zz_broken_handlers"))
    with pytest.raises(ModuleNotFoundError, match="zz_not_there"):
        find_handler("x")


def test_peak_memory_is_known_here() -> None:
    peak = peak_rss_bytes()
    assert peak is not None
    assert 2**20 < peak < 2**40
