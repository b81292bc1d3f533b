"""One sample as it is stored and as the model gets it, with shape and range of the values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from workbench.errors import DataError
from workbench.report import numbers
from workbench.ui.desk import Desk
from workbench.ui.elided_label import ElidedLabel
from workbench.ui.theme import set_role
from workbench.ui.widgets import button, column, label, row, say, themed_icon

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE_PX = 190
WAIT_MS = 120


class SampleView(QWidget):
    """Shows sample after sample; rendered again shortly after the preprocessing changes."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._folder, self._files, self._place = Path(), [""][:0], 0
        self._image: Image | None = None
        self._stored, self._given = _picture("The sample as stored"), _picture("The sample as the model gets it")
        self._name, self._stored_text = ElidedLabel(), label("", "small", wrap=True)
        self._given_text, self._problem = label("", "small", wrap=True), label("", "bad", wrap=True)
        self._timer = QTimer(self, singleShot=True, interval=WAIT_MS)
        self._timer.timeout.connect(self._render)
        back = themed_icon(button("", lambda: self.step(-1), "quiet", "Previous sample"), desk.theme, "back")
        forward = themed_icon(button("", lambda: self.step(1), "quiet", "Next sample"), desk.theme, "forward")
        inside = QVBoxLayout(self)
        inside.setContentsMargins(0, 0, 0, 0)
        self._steps = (back, forward)
        inside.addLayout(row(back, forward, self._name, spacing=4))
        left = column(label("As stored", "muted"), self._stored, self._stored_text, None, spacing=4)
        right = column(label("As the model gets it", "muted"), self._given, self._given_text, None, spacing=4)
        inside.addLayout(row(left, right, None, spacing=16))
        inside.addWidget(self._problem)
        inside.addStretch(1)
        self.set_files(Path(), [])

    def set_files(self, folder: Path, files: list[str]) -> None:
        """Show these images, the first one first; the one shown stays if it is among them."""
        shown = self._files[self._place] if self._place < len(self._files) and folder == self._folder else ""
        self._folder, self._files = folder, files
        for made in self._steps:
            made.setVisible(bool(files))
        self._place = files.index(shown) if shown in files else 0
        self._load()

    def step(self, by: int) -> None:
        """Go on to another sample, around the end."""
        if self._files:
            self._place = (self._place + by) % len(self._files)
            self._load()

    def refresh(self) -> None:
        """Render again soon; called for every change, rendered once."""
        self._timer.start()

    def _load(self) -> None:
        self._image = None
        self._name.setText(self._files[self._place] if self._files else "No image to show yet")
        set_role(self._name, "mono" if self._files else "muted")
        if self._files:
            try:
                self._image = _opened(self._folder / self._files[self._place])
            except (OSError, ValueError) as error:
                say(self._problem, f"This file cannot be decoded: {error}")
        self._render()

    def _render(self) -> None:
        if self._image is None:
            self._stored.setText("")
            self._given.setText("")
            for line in (self._stored_text, self._given_text):
                line.setText("")
            return
        from workbench.model.preprocess import preprocess_from_json, preprocess_image  # noqa: PLC0415  (Pillow)

        say(self._problem, "")
        self._stored.setPixmap(_pixmap(_rgb(self._image)))
        self._stored_text.setText(stored_line(self._image))
        try:
            given = preprocess_from_json(self._desk.document.value("preprocess", default={}))
            values = preprocess_image(self._image, given)
        except DataError as error:
            self._given.setPixmap(QPixmap())
            self._given_text.setText("")
            say(self._problem, str(error))
            return
        self._given.setPixmap(_pixmap(shown_values(values, given.layout)))
        self._given_text.setText(value_line(values))


def shown_values(values: Any, layout: str) -> Any:
    """Return preprocessed values as uint8 [H, W, 3] for the eye: channels 0, 1, 2 as red, green, blue, full range.

    Args:
        values: float32 [C, H, W] (NCHW) or [H, W, C] (NHWC).
    """
    import numpy as np  # noqa: PLC0415  (not before the first paint)

    picture = values.transpose(1, 2, 0) if layout == "NCHW" else values
    low, high = float(picture.min()), float(picture.max())
    scaled = (picture - low) * (255.0 / (high - low) if high > low else 0.0)
    return np.repeat(scaled, 3, axis=2).astype(np.uint8) if scaled.shape[2] == 1 else scaled.astype(np.uint8)


def stored_line(image: Image) -> str:
    """Return size and colours of a stored image in words."""
    colours = {"1": "black and white", "L": "grey", "P": "palette", "RGBA": "RGB with alpha", "LA": "grey with alpha"}
    found = colours.get(image.mode, image.mode)
    return f"{image.width:,} {numbers.TIMES} {image.height:,} pixels, {found}"


def value_line(values: Any) -> str:
    """Return shape and range of the values that the model gets."""
    low, high = float(values.min()), float(values.max())
    return f"float32 {list(values.shape)}, values {numbers.number(low, 2)} to {numbers.number(high, 2)}"


def _opened(path: Path) -> Image:
    from PIL import Image  # noqa: PLC0415  (not before the first paint)

    with Image.open(path) as image:
        image.load()
        return image.copy()


def _rgb(image: Image) -> Any:
    import numpy as np  # noqa: PLC0415  (not before the first paint)

    from workbench.model.pixels import eight_bit_image  # noqa: PLC0415  (Pillow)

    return np.asarray(eight_bit_image(image))


def _pixmap(values: Any) -> QPixmap:
    import numpy as np  # noqa: PLC0415  (not before the first paint)

    height, width = values.shape[:2]
    data = np.ascontiguousarray(values).tobytes()
    image = QImage(data, width, height, 3 * width, QImage.Format.Format_RGB888)
    is_small = max(width, height) < SIDE_PX
    mode = Qt.TransformationMode.FastTransformation if is_small else Qt.TransformationMode.SmoothTransformation
    return QPixmap.fromImage(image).scaled(SIDE_PX, SIDE_PX, Qt.AspectRatioMode.KeepAspectRatio, mode)


def _picture(name: str) -> QLabel:
    made = label()
    made.setProperty("role", "picture")
    made.setAccessibleName(name)
    made.setFixedSize(SIDE_PX, SIDE_PX)
    made.setAlignment(Qt.AlignmentFlag.AlignCenter)
    made.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return made
