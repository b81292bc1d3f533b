"""A plugin's file for machines without this program: which plugins have one, and why one cannot stand alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.elsewhere import ROOT

from workbench.errors import StudyError
from workbench.execution.discovery import find_plugin, read_manifest
from workbench.execution.elsewhere.standalone import standalone_file, travelling_runtimes

FACE = "def probe():\n    return {}, None\ndef open_model(artifact, options):\n    return None\n"


def plugin(place: Path, text: str | None) -> Path:
    """Write a plugin of a third party."""
    place = place / "theirs"
    place.mkdir()
    (place / "runtime.py").write_text("")
    named = 'elsewhere = "there.py"\n' if text is not None else ""
    head = 'id = "theirs"\ntitle = "Their Runtime"\nkind = "runtime"\nspi_version = 2\nschemes = ["S1"]\n'
    (place / "plugin.toml").write_text(head + named)
    if text is not None:
        (place / "there.py").write_text(text)
    return place


def test_every_runtime_of_the_program_that_has_hardware_travels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INT8_WORKBENCH_PLUGINS", raising=False)
    expected = {"ort_cpu", "openvino", "coreml", "ort_cuda", "ort_tensorrt", "tensorrt"}
    assert travelling_runtimes() == expected
    for name in expected:
        assert standalone_file(find_plugin(name)) == (ROOT / "plugins" / name / "elsewhere.py").read_bytes()


def test_a_third_partys_travels_as_soon_as_its_manifest_names_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INT8_WORKBENCH_PLUGINS", str(plugin(tmp_path, FACE)))
    assert "theirs" in travelling_runtimes()
    assert standalone_file(find_plugin("theirs")) == FACE.encode()


def test_what_its_author_must_add_is_one_line(tmp_path: Path) -> None:
    manifest, error = read_manifest(plugin(tmp_path, None))
    assert manifest is not None, error
    with pytest.raises(StudyError) as caught:
        standalone_file(manifest)
    assert str(caught.value) == (
        "Their Runtime cannot be bundled: its plugin has no file that runs without this program. Its author adds one "
        'and names it in plugin.toml: elsewhere = "elsewhere.py" (see plugins/README.md).'
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("from workbench.spi import Session\n" + FACE, "it imports workbench.spi"),
        ("import workbench_plugins.echo\n" + FACE, "it imports workbench_plugins.echo"),
        ("from .session import run\n" + FACE, "it imports .session"),
        ("def probe():\n    return {}, None\n", "it defines no function open_model"),
        (FACE + "def f(x):\n    match x:\n        case 1: pass\n", "Python 3.9 cannot read it"),
        ("def probe(:\n", "Python 3.9 cannot read it"),
    ],
)
def test_a_file_that_cannot_stand_alone_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    manifest, error = read_manifest(plugin(tmp_path, text))
    assert manifest is not None, error
    with pytest.raises(StudyError) as caught:
        standalone_file(manifest)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../other/elsewhere.py", "/etc/x.py", "Elsewhere.py", "elsewhere", "sub/x.py"])
def test_a_name_that_leads_elsewhere_is_a_broken_manifest(tmp_path: Path, name: str) -> None:
    place = plugin(tmp_path, FACE)
    text = (place / "plugin.toml").read_text().replace("there.py", name)
    (place / "plugin.toml").write_text(text)
    assert "expected the name of a Python file beside it" in read_manifest(place)[1]


def test_a_file_that_is_not_there_is_a_broken_manifest(tmp_path: Path) -> None:
    place = plugin(tmp_path, FACE)
    (place / "there.py").unlink()
    assert read_manifest(place)[1] == "there.py is missing beside plugin.toml"
