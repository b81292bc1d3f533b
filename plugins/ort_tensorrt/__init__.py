"""TensorRT through ONNX Runtime."""
