"""Sections of the results. Each file builds what it measures, and returns tables and goals."""
