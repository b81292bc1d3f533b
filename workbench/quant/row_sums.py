"""Sums per channel of what a layer gives in float and quantized, compiled: one pass where numpy needs five.

Bit for bit numpy's `sum(axis=1)` of float32 terms: eight partial sums side by side over at most 128 values, halves of
longer rows added (pairwise summation; Higham, "The accuracy of floating point summation", 1993). Every term is
rounded as numpy rounds it; nothing is fused.
"""

from __future__ import annotations

import ctypes

import numpy as np
import numpy.typing as npt

from workbench.quant.compiled import compiled

Float32 = npt.NDArray[np.float32]
Bounds = tuple[float, float]
_PLACE, _SIZE, _NUMBER = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float
_PROTOTYPE = ctypes.CFUNCTYPE(None, _PLACE, _PLACE, _SIZE, _SIZE, _NUMBER, _NUMBER, _PLACE, _PLACE)

_CLIP = """
  %{to}_below = fcmp olt T %{x}, %low
  %{to}_raised = select B %{to}_below, T %low, T %{x}
  %{to}_above = fcmp ogt T %{to}_raised, %high
  %{to} = select B %{to}_above, T %high, T %{to}_raised"""
_IS_OPEN = """
  %over = fcmp ogt T %q, %low
  %under = fcmp olt T %q, %high
  %open = and B %over, %under
  %share = uitofp B %open to T"""
_TERMS = {
    "difference": "  %term = fsub T %f, %q",
    "open_difference": _CLIP.format(x="f", to="wanted")
    + _IS_OPEN
    + "\n  %gap = fsub T %wanted, %q\n  %term = fmul T %gap, %share",
    "open_count": _IS_OPEN + "\n  %term = fadd T %share, zeroinitializer",
    "squared_error": _CLIP.format(x="f", to="wanted")
    + "\n  %moved = fadd T %q, %step"
    + _CLIP.format(x="moved", to="given")
    + "\n  %error = fsub T %given, %wanted\n  %term = fmul T %error, %error",
}
_SPLATS = "\n".join(
    f"  %{name}_one = insertelement <8 x float> poison, float %{name}, i64 0\n"
    f"  %{name}s = shufflevector <8 x float> %{name}_one, <8 x float> poison, <8 x i32> zeroinitializer"
    for name in ("low", "high", "step")
)
_OTHERS = "<8 x float> %lows, <8 x float> %highs, <8 x float> %steps"
_LANES = "\n".join(f"  %r{k} = extractelement <8 x float> %sums, i64 {k}" for k in range(8))
_ROWS = f"""
define internal float @NAME_sum(ptr %fs, ptr %qs, i64 %n, float %low, float %high, float %step) {{
entry:
  %is_long = icmp sgt i64 %n, 128
  br i1 %is_long, label %split, label %short
split:
  %half = lshr i64 %n, 1
  %left = and i64 %half, -8
  %right = sub i64 %n, %left
  %fs_right = getelementptr float, ptr %fs, i64 %left
  %qs_right = getelementptr float, ptr %qs, i64 %left
  %a = call float @NAME_sum(ptr %fs, ptr %qs, i64 %left, float %low, float %high, float %step)
  %b = call float @NAME_sum(ptr %fs_right, ptr %qs_right, i64 %right, float %low, float %high, float %step)
  %both = fadd float %a, %b
  ret float %both
short:
{_SPLATS}
  %lines = and i64 %n, -8
  %is_some = icmp sgt i64 %lines, 0
  br i1 %is_some, label %first, label %rest
first:
  %f0 = load <8 x float>, ptr %fs, align 4
  %q0 = load <8 x float>, ptr %qs, align 4
  %t0 = call <8 x float> @NAME_8(<8 x float> %f0, <8 x float> %q0, {_OTHERS})
  br label %lines_left
lines_left:
  %i = phi i64 [8, %first], [%i_next, %line]
  %sums = phi <8 x float> [%t0, %first], [%sums_next, %line]
  %is_line = icmp slt i64 %i, %lines
  br i1 %is_line, label %line, label %folded
line:
  %f_place = getelementptr float, ptr %fs, i64 %i
  %q_place = getelementptr float, ptr %qs, i64 %i
  %f8 = load <8 x float>, ptr %f_place, align 4
  %q8 = load <8 x float>, ptr %q_place, align 4
  %t8 = call <8 x float> @NAME_8(<8 x float> %f8, <8 x float> %q8, {_OTHERS})
  %sums_next = fadd <8 x float> %sums, %t8
  %i_next = add i64 %i, 8
  br label %lines_left
folded:
{_LANES}
  %r01 = fadd float %r0, %r1
  %r23 = fadd float %r2, %r3
  %r45 = fadd float %r4, %r5
  %r67 = fadd float %r6, %r7
  %r03 = fadd float %r01, %r23
  %r47 = fadd float %r45, %r67
  %r07 = fadd float %r03, %r47
  br label %rest
rest:
  %begun = phi float [0.0, %short], [%r07, %folded]
  br label %singles_left
singles_left:
  %j = phi i64 [%lines, %rest], [%j_next, %single]
  %sum = phi float [%begun, %rest], [%sum_next, %single]
  %is_single = icmp slt i64 %j, %n
  br i1 %is_single, label %single, label %done
single:
  %f_at = getelementptr float, ptr %fs, i64 %j
  %q_at = getelementptr float, ptr %qs, i64 %j
  %f1 = load float, ptr %f_at
  %q1 = load float, ptr %q_at
  %t1 = call float @NAME_1(float %f1, float %q1, float %low, float %high, float %step)
  %sum_next = fadd float %sum, %t1
  %j_next = add i64 %j, 1
  br label %singles_left
done:
  ret float %sum
}}

define void @NAME(ptr %fs, ptr %qs, i64 %rows, i64 %n, float %low, float %high, ptr %steps, ptr %sums) {{
entry:
  br label %rows_left
rows_left:
  %row = phi i64 [0, %entry], [%row_next, %each]
  %is_row = icmp slt i64 %row, %rows
  br i1 %is_row, label %each, label %done
each:
  %start = mul i64 %row, %n
  %f_row = getelementptr float, ptr %fs, i64 %start
  %q_row = getelementptr float, ptr %qs, i64 %start
  %step_place = getelementptr float, ptr %steps, i64 %row
  %step = load float, ptr %step_place
  %sum = call float @NAME_sum(ptr %f_row, ptr %q_row, i64 %n, float %low, float %high, float %step)
  %sum_place = getelementptr float, ptr %sums, i64 %row
  store float %sum, ptr %sum_place
  %row_next = add i64 %row, 1
  br label %rows_left
done:
  ret void
}}
"""


def _text(name: str, body: str) -> str:
    """Return one term as a function of single values and one of eight, and the loops around them."""
    kinds = {"1": ("float", "i1"), "8": ("<8 x float>", "<8 x i1>")}
    parts = [_ROWS.replace("NAME", name)]
    for lanes, (kind, flag) in kinds.items():
        inputs = ", ".join(f"{kind} %{value}" for value in ("f", "q", "low", "high", "step"))
        lines = body.replace("T ", f"{kind} ").replace("to T", f"to {kind}").replace("B ", f"{flag} ")
        zero = "0.0" if lanes == "1" else "zeroinitializer"
        lines = lines.replace("zeroinitializer", zero)
        parts.append(f"define internal {kind} @{name}_{lanes}({inputs}) {{\n{lines}\n  ret {kind} %term\n}}\n")
    return "".join(parts)


_SOURCE = "".join(_text(name, body) for name, body in _TERMS.items())


def row_sums(
    term: str, expected: Float32, found: Float32, bounds: Bounds = (0.0, 0.0), steps: Float32 | None = None
) -> Float32:
    """Return the sum of one term over each row, float32 [C].

    Args:
        term: "difference": expected - found; "open_difference": clip(expected) - found where `found` lies between the
            bounds, else 0; "open_count": 1 where it does; "squared_error": (clip(found + step) - clip(expected))^2.
        expected, found: float32 [C, M], C-contiguous, finite.
        bounds: what clip clips to, and what lies between is open.
        steps: float32 [C], for "squared_error".
    """
    channels, positions = found.shape
    added = np.zeros(channels, np.float32) if steps is None else np.ascontiguousarray(steps, np.float32)
    sums = np.empty(channels, np.float32)
    arrays = [np.ascontiguousarray(values, np.float32) for values in (expected, found)]
    places = [values.ctypes.data for values in (*arrays, added, sums)]
    loop = compiled(_SOURCE, _PROTOTYPE, *_TERMS)[term]
    loop(places[0], places[1], channels, positions, *bounds, places[2], places[3])
    return sums
