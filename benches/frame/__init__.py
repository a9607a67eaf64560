"""What all benchmarks share: building, workers, the server, figures, tables."""
