"""Shared parts of the benchmarks: building, workers, the server, figures, tables."""
