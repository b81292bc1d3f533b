"""The inner loop of calibration, compiled: count float32 values by their upper 16 bits, and find their extremes.

numpy needs 3 to 6 ns per value for it, this loop 0.5 to 0.8: llvmlite translates the text below for the processor it
runs on. Loaded and compiled once per process, when the first value is counted: 0.1 s. Other threads run meanwhile.
"""

from __future__ import annotations

import ctypes

import numpy as np
import numpy.typing as npt

from workbench.quant.compiled import compiled

BINS = 1 << 16
_APART = 520
TABLES = 2 * BINS + _APART
"""uint32 counters that `count` needs: two tables, because a value that repeats would wait for itself in one. The gap
keeps equal bins of both off addresses that processors take for the same (their last 12 bits)."""

_PROTOTYPE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p)
_BLOCK = 2048
_EIGHT_PAIRS = "\n".join(
    f"  %pair{k} = getelementptr i64, ptr %place, i64 {k}\n"
    f"  call void @count_pair(ptr %pair{k}, ptr %table, ptr %other)"
    for k in range(8)
)

_SOURCE = f"""
; Lower %extremes[0..2]: largest as a signed, largest as an unsigned, smallest as an unsigned integer. %n > 0.
define internal void @widen(ptr noalias %values, i64 %n, ptr noalias %extremes) {{
entry:
  %second = getelementptr i32, ptr %extremes, i64 1
  %third = getelementptr i32, ptr %extremes, i64 2
  %signed0 = load i32, ptr %extremes
  %unsigned0 = load i32, ptr %second
  %least0 = load i32, ptr %third
  br label %each
each:
  %i = phi i64 [0, %entry], [%next, %each]
  %signed = phi i32 [%signed0, %entry], [%signed1, %each]
  %unsigned = phi i32 [%unsigned0, %entry], [%unsigned1, %each]
  %least = phi i32 [%least0, %entry], [%least1, %each]
  %place = getelementptr i32, ptr %values, i64 %i
  %bits = load i32, ptr %place
  %signed1 = call i32 @llvm.smax.i32(i32 %signed, i32 %bits)
  %unsigned1 = call i32 @llvm.umax.i32(i32 %unsigned, i32 %bits)
  %least1 = call i32 @llvm.umin.i32(i32 %least, i32 %bits)
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %each, label %done
done:
  store i32 %signed1, ptr %extremes
  store i32 %unsigned1, ptr %second
  store i32 %least1, ptr %third
  ret void
}}

define internal void @add_one(ptr noalias %table, i64 %bin) {{
  %counter = getelementptr i32, ptr %table, i64 %bin
  %old = load i32, ptr %counter
  %new = add i32 %old, 1
  store i32 %new, ptr %counter
  ret void
}}

; Count a pair: the first value (the lower half of 64 bits) in one table, the second in the other.
define internal void @count_pair(ptr noalias %place, ptr noalias %table, ptr noalias %other) {{
  %pair = load i64, ptr %place, align 4
  %low = trunc i64 %pair to i32
  %low_bin = lshr i32 %low, 16
  %bin = zext i32 %low_bin to i64
  %other_bin = lshr i64 %pair, 48
  call void @add_one(ptr %table, i64 %bin)
  call void @add_one(ptr %other, i64 %other_bin)
  ret void
}}

; Count pairs, eight at a time, and fetch the next block meanwhile; then the pairs that are left.
define internal void @count_pairs(ptr noalias %values, i64 %pairs, ptr noalias %table, ptr noalias %other) {{
entry:
  %lines_end = and i64 %pairs, -8
  %some = icmp sgt i64 %lines_end, 0
  br i1 %some, label %line, label %rest
line:
  %i = phi i64 [0, %entry], [%next, %line]
  %place = getelementptr i64, ptr %values, i64 %i
  %ahead = getelementptr i32, ptr %place, i64 {_BLOCK}
  call void @llvm.prefetch.p0(ptr %ahead, i32 0, i32 3, i32 1)
{_EIGHT_PAIRS}
  %next = add i64 %i, 8
  %more = icmp slt i64 %next, %lines_end
  br i1 %more, label %line, label %rest
rest:
  %is_left = icmp slt i64 %lines_end, %pairs
  br i1 %is_left, label %each, label %done
each:
  %j = phi i64 [%lines_end, %rest], [%following, %each]
  %left = getelementptr i64, ptr %values, i64 %j
  call void @count_pair(ptr %left, ptr %table, ptr %other)
  %following = add i64 %j, 1
  %not_last = icmp slt i64 %following, %pairs
  br i1 %not_last, label %each, label %done
done:
  ret void
}}

; A block stays in the nearest cache between the two passes over it.
define void @count(ptr noalias %values, i64 %n, ptr noalias %table, ptr noalias %extremes) {{
entry:
  %other = getelementptr i32, ptr %table, i64 {BINS + _APART}
  br label %block
block:
  %start = phi i64 [0, %entry], [%end, %block]
  %limit = add i64 %start, {_BLOCK}
  %end = call i64 @llvm.smin.i64(i64 %limit, i64 %n)
  %length = sub i64 %end, %start
  %first = getelementptr i32, ptr %values, i64 %start
  call void @widen(ptr %first, i64 %length, ptr %extremes)
  %pairs = lshr i64 %length, 1
  call void @count_pairs(ptr %first, i64 %pairs, ptr %table, ptr %other)
  %more = icmp slt i64 %end, %n
  br i1 %more, label %block, label %rest
rest:
  %odd = and i64 %n, 1
  %is_odd = icmp eq i64 %odd, 1
  br i1 %is_odd, label %single, label %done
single:
  %index = sub i64 %n, 1
  %last = getelementptr i32, ptr %values, i64 %index
  %bits = load i32, ptr %last
  %high = lshr i32 %bits, 16
  %bin = zext i32 %high to i64
  call void @add_one(ptr %table, i64 %bin)
  br label %done
done:
  ret void
}}

declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
declare i64 @llvm.smin.i64(i64, i64)
declare i32 @llvm.smax.i32(i32, i32)
declare i32 @llvm.umax.i32(i32, i32)
declare i32 @llvm.umin.i32(i32, i32)
"""


def count(values: npt.NDArray[np.float32], tables: npt.NDArray[np.uint32], extremes: npt.NDArray[np.uint32]) -> None:
    """Add each value's bin, its bits >> 16, to the tables, and take its bits into the extremes.

    Args:
        values: float32, C-contiguous, any shape, at least one value.
        tables: uint32 [TABLES]; a bin's count is the sum of both tables (`both`); the caller sees to it that no
            counter passes 2^32 - 1.
        extremes: uint32 [3]: largest as int32, largest as uint32, smallest as uint32 of the bits seen, NaN too.
    """
    loop = compiled(_SOURCE, _PROTOTYPE, "count")["count"]
    loop(values.ctypes.data, values.size, tables.ctypes.data, extremes.ctypes.data)


def both(tables: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """Return views of the two tables, uint32 [65536] each."""
    return tables[:BINS], tables[BINS + _APART :]
