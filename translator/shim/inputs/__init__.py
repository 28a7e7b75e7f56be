"""Collect and stage the files and values that a step reads."""
