"""Composite nodes and the routes of control-flow graphs, the same on every engine."""
