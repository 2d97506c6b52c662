"""Finished files: their analysis, and what is written about it."""
