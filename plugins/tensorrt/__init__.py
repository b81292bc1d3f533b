"""NVIDIA TensorRT, without ONNX Runtime."""
