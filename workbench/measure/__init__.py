"""Divergence metrics, task metrics, statistics, latency and throughput, machine facts."""
