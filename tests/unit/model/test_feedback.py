"""The state between the runs of a session."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import ContractError, StudyError
from workbench.model.feedback import Carry, Feedback, check_state, zero_state
from workbench.model.graph import TensorSpec


def counter(frames: int, start: np.ndarray) -> Feedback:
    return Feedback({"state": "next"}, frames, {"state": start})


def run(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A model that adds its input to its state."""
    return {"next": feeds["state"] + feeds["x"]}


@given(
    frames=st.integers(1, 6),
    x=st.lists(st.lists(st.integers(-9, 9), min_size=6, max_size=6), min_size=1, max_size=4),
    start=st.integers(-9, 9),
)
def test_the_state_is_that_of_the_frame_before_and_begins_anew_with_every_sequence(frames, x, start):
    carry = Carry(counter(frames, np.full((1, 1), start)))
    for sequence, values in enumerate(x):
        expected = np.full(1, start)
        for position in range(frames):
            value = np.asarray([values[position]])
            outputs = run(carry.feeds(sequence * frames + position, {"x": value}))
            carry.keep(outputs)
            expected = expected + value
            np.testing.assert_array_equal(outputs["next"], expected)


def test_each_sequence_may_have_a_start_of_its_own():
    carry = Carry(counter(2, np.asarray([[1.0], [10.0]])))
    states = []
    for frame in range(4):
        feeds = carry.feeds(frame, {"x": np.ones(1)})
        states.append(float(feeds["state"][0]))
        carry.keep(run(feeds))
    assert states == [1.0, 2.0, 10.0, 11.0]


def test_going_back_to_a_start_is_allowed_and_skipping_a_frame_is_not():
    carry = Carry(counter(3, np.zeros((1, 1))))
    for frame in (0, 1, 0, 1):
        feeds = carry.feeds(frame, {"x": np.ones(1)})
        assert float(feeds["state"][0]) == float(frame)
        carry.keep(run(feeds))
    with pytest.raises(ContractError, match="frame 4 is run, but the state is that before frame 2"):
        carry.feeds(4, {"x": np.ones(1)})


def test_without_feedback_nothing_is_added_and_nothing_is_kept():
    carry = Carry(None)
    inputs = {"x": np.ones(1)}
    assert carry.feeds(7, inputs) is inputs
    carry.keep({})
    assert carry.outputs == ()


def test_zero_state_has_the_inputs_shape_and_dtype_with_ones_for_symbols():
    zeros = zero_state(TensorSpec("state", "float16", ("N", 2, 3)))
    assert zeros.shape == (1, 1, 2, 3)
    assert zeros.dtype == np.float16
    assert not zeros.any()


INPUTS = (TensorSpec("x", "float32", (1, 8)), TensorSpec("h", "float32", (1, 1, 4)))
OUTPUTS = (
    TensorSpec("y", "float32", (1, 8)),
    TensorSpec("h_next", "float32", ("N", 1, 4)),
    TensorSpec("wide", "float32", (1, 1, 5)),
    TensorSpec("half", "float16", (1, 1, 4)),
)


@pytest.mark.parametrize("state", [{}, {"h": "h_next"}])
def test_a_state_that_fits_the_model_passes(state):
    check_state(state, INPUTS, OUTPUTS)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"hh": "h_next"}, "names the input 'hh', which the model does not have. Did you mean 'h'"),
        ({"h": "z"}, "names the output 'z', which the model does not have. Its outputs are y, h_next, wide, half"),
        ({"h": "wide"}, r"which it does not fit: wide float32 \[1, 1, 5\] into h float32 \[1, 1, 4\]"),
        ({"h": "half"}, "which it does not fit"),
        ({"h": "h_next", "x": "y"}, "leaves no input for the data"),
    ],
)
def test_a_state_that_does_not_fit_is_said_in_one_line(state, message):
    with pytest.raises(StudyError, match=message) as caught:
        check_state(state, INPUTS, OUTPUTS)
    assert "\n" not in str(caught.value)


def test_a_model_fixed_at_several_sequences_is_refused():
    inputs = (TensorSpec("x", "float32", (4, 8)), INPUTS[1])
    with pytest.raises(StudyError, match="its input x takes 4 at once"):
        check_state({"h": "h_next"}, inputs, OUTPUTS)
    check_state({}, inputs, OUTPUTS)
