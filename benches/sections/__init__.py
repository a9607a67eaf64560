"""The sections of the results, one a file: each builds what it needs, measures, and returns tables and goals."""
