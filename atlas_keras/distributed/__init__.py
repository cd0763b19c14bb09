"""The same jobs over many files: in a loop, or on the workers of a Dask cluster, with the same result."""
