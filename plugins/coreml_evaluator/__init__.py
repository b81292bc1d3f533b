"""Runs a Core ML package of the plan on every operating system, op by op in numpy; no Core ML result."""
