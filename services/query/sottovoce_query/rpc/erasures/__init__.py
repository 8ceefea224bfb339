"""One file for each method of `ErasureService`."""
