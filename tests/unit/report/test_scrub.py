"""What may not leave the machine."""

from __future__ import annotations

import pytest

from workbench.errors import SheetError
from workbench.report.scrub import Scrubber, own_hosts, public_facts, scrubber

CLEANER = Scrubber(("lab-box-7",), frozenset({"/layer1/conv1/Conv"}))


@pytest.mark.parametrize(
    ("planted", "clean"),
    [
        ("loading /home/jane/models/net.onnx failed", "loading net.onnx failed"),
        ("loading /home/jane doe/models/net.onnx failed", "loading net.onnx failed"),
        (r"loading C:\Users\Jane Doe\net.onnx now", "loading net.onnx now"),
        (r"share \\server\data\net.onnx", "share net.onnx"),
        ("at ~/work/net.onnx", "at net.onnx"),
        ("file:///srv/data/net.onnx", "net.onnx"),
        ("(/usr/lib/python3/site.py)", "(site.py)"),
        ("ran on LAB-BOX-7.", "ran on [host]."),
        ("in /srv/data/", "in [path]"),
    ],
)
def test_planted_path_or_host_is_removed(planted: str, clean: str) -> None:
    assert CLEANER.text(planted) == clean


@pytest.mark.parametrize(
    "text",
    [
        "/layer1/conv1/Conv stays float",
        "1,154 samples/s, P50 / P90",
        "https://example.org/a/b",
        "a ratio of 3/4/5",
        "collab-box-70 is another word",
    ],
)
def test_what_is_no_path_stays(text: str) -> None:
    assert CLEANER.text(text) == text


def test_document_keys_and_values_are_cleaned() -> None:
    found = CLEANER.document({"/srv/a/b.txt": ["on lab-box-7", 3, None, {"x": ("/etc/hosts/x",)}]})
    assert found == {"b.txt": ["on [host]", 3, None, {"x": ["x"]}]}


def test_leak_is_refused() -> None:
    with pytest.raises(SheetError, match="host name or an absolute path"):
        CLEANER.refuse_leaks({"a": ["in /home/jane/x"]})
    CLEANER.refuse_leaks({"a": ["/layer1/conv1/Conv"]})


def test_what_was_asked_for_stays() -> None:
    asked = scrubber(("lab-box-7",), (), hosts_asked=True, paths_asked=True)
    assert asked.text("lab-box-7 /home/jane/x") == "lab-box-7 /home/jane/x"


def test_facts_that_name_the_machine_are_left_out() -> None:
    facts = {"cpu_model": "X", "Hostname": "lab-box-7", "user": "jane"}
    assert public_facts(facts) == {"cpu_model": "X"}
    assert public_facts(facts, keep_host=True) == facts


def test_own_hosts_leaves_common_words_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "localhost")
    assert own_hosts() == ()
    monkeypatch.setattr("socket.gethostname", lambda: "lab-box-7.example.org")
    assert own_hosts() == ("lab-box-7", "lab-box-7.example.org")
