"""What the plugins of ONNX Runtime's NVIDIA providers share; not a plugin itself."""
