"""Benchmarks: what is claimed in numbers, measured, and compared with the goals in ``goals.toml``."""
