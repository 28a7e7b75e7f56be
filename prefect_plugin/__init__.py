"""Placeholder docstring replaced by its first module."""
