"""ONNX Runtime's own quantizer as another candidate."""
