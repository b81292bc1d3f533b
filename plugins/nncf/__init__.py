"""OpenVINO's quantizer NNCF as another candidate."""
