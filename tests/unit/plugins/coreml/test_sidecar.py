from pathlib import Path

import pytest
from workbench_plugins.coreml.sidecar import Feature, Node, Sidecar, load_sidecar, save_sidecar

from workbench.errors import ModelError

EXAMPLE = Sidecar(
    batch=2,
    compute="float16",
    inputs={"in.1": Feature("in_1", "float32", (2, 3), batched=True)},
    outputs={"y": Feature("y", "int64", (), batched=False)},
    tensors={"y__quantized": "y"},
    same_codes={"z": "y"},
    weights={"w__dequantized": ("w", 1)},
    biases={"y": ("b", 3)},
    nodes=(Node("n", "Conv", ("a", "b"), quantized=True), Node("m", "Exp", (), quantized=False, why_float="asked")),
    rewritten=("GRU: by steps",),
    renamed={"in.1": "in_1"},
)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    save_sidecar(EXAMPLE, tmp_path / "model.mlpackage")
    assert load_sidecar(tmp_path / "model.mlpackage") == EXAMPLE


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"schema_version": 99}', '{"schema_version": 1, "batch": 1}'])
def test_a_missing_or_damaged_file_is_one_line(tmp_path: Path, text: str | None) -> None:
    package = tmp_path / "model.mlpackage"
    if text is not None:
        (tmp_path / "model.mlpackage.names.json").write_text(text)
    with pytest.raises(ModelError, match=r"model\.mlpackage\.names\.json is missing or damaged") as caught:
        load_sidecar(package)
    assert "\n" not in str(caught.value)
