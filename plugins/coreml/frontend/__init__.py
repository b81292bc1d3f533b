"""ONNX to a MIL program: constant folding and static shapes first, then one function per op type."""
