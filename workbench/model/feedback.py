"""Recurrent models that take their state as an input and give it as an output: the state between the runs of a session.

A sequence is a row of frames; each frame is one run. The state begins anew with every sequence, and from then on is
what the session itself gave at the frame before. NOT here: which outputs are fed back (the study says so).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import ContractError, StudyError
from workbench.model.fit import fits, inputs_text
from workbench.model.graph import TensorSpec

Arrays = Mapping[str, npt.NDArray[Any]]
Feeds = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Feedback:
    """How a recurrent model is run.

    Attributes:
        outputs: state input -> the output that comes back as that input.
        frames: runs per sequence, at least 1.
        start: state input -> its values where a sequence starts, [sequences, *shape], or [1, *shape] for all of them.
    """

    outputs: Mapping[str, str]
    frames: int
    start: Arrays

    def start_of(self, sequence: int) -> Feeds:
        """Return the state inputs at the start of a sequence."""
        return {name: values[sequence if len(values) > 1 else 0] for name, values in self.start.items()}


class Carry:
    """The state between the runs of one session; without feedback it adds nothing.

    For every run: `feeds` before it, `keep` after it.
    """

    def __init__(self, feedback: Feedback | None) -> None:
        self._feedback = feedback
        self._state: Feeds = {}
        self._next = -1

    @property
    def outputs(self) -> tuple[str, ...]:
        """Outputs that `keep` needs."""
        return tuple(self._feedback.outputs.values()) if self._feedback else ()

    def feeds(self, frame: int, inputs: Feeds) -> Feeds:
        """Return all inputs of one run.

        Args:
            frame: number of the run over all sequences: the first of a sequence, or the one after the last run.
            inputs: the inputs that are no state.

        Raises:
            ContractError: another frame, for which there is no state.
        """
        if self._feedback is None:
            return inputs
        sequence, position = divmod(frame, self._feedback.frames)
        if position == 0:
            self._state = self._feedback.start_of(sequence)
        elif frame != self._next:
            raise ContractError(f"frame {frame} is run, but the state is that before frame {self._next}")
        self._next = frame + 1
        return {**inputs, **self._state}

    def keep(self, outputs: Arrays) -> None:
        """Take the state out of a run's outputs; the arrays must stay as they are until the next run."""
        if self._feedback is not None:
            self._state = {name: outputs[output] for name, output in self._feedback.outputs.items()}


def zero_state(spec: TensorSpec) -> npt.NDArray[Any]:
    """Return zeros [1, *shape] in the state input's dtype; symbolic axes are 1."""
    shape = [axis if isinstance(axis, int) else 1 for axis in spec.shape]
    return np.zeros([1, *shape], np.dtype(spec.dtype))


def check_state(state: Mapping[str, str], inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
    """See that every output named can be fed back into its input, one sequence at a time, and an input is left.

    Args:
        state: state input -> output; empty is well.

    Raises:
        StudyError: a name, shape or dtype does not fit the model.
    """
    takes, gives = {spec.name: spec for spec in inputs}, {spec.name: spec for spec in outputs}
    for name, output in state.items():
        _known("input", name, takes)
        _known("output", output, gives)
        given, taken = gives[output], takes[name]
        if given.dtype != taken.dtype or not fits(given.shape, taken.shape):
            raise StudyError(
                f"state feeds the output {output} into the input {name}, which it does not fit",
                why=f"{inputs_text((given,))} into {inputs_text((taken,))}",
            )
    if state and set(state) == set(takes):
        raise StudyError("state leaves no input for the data", how="Name only the inputs that are outputs fed back.")
    for spec in inputs:
        first = spec.shape[0] if spec.shape else 1
        if state and spec.name not in state and isinstance(first, int) and first != 1:
            raise StudyError(
                f"a model with state is run at batch 1, and its input {spec.name} takes {first} at once",
                how="Export it with a batch of 1, or a symbolic one.",
            )


def _known(kind: str, name: str, known: Mapping[str, TensorSpec]) -> None:
    if name not in known:
        near = get_close_matches(name, list(known), 1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Its {kind}s are {', '.join(known)}."
        raise StudyError(f"[model] state names the {kind} {name!r}, which the model does not have", how=hint)
