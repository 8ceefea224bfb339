"""Benchmarks: every figure that the documentation gives, measured anew by `make bench`."""
