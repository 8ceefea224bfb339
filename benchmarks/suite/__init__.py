"""One file a benchmark: each has `measure(size)` and returns a `Result`."""
