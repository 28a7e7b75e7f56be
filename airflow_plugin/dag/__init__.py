"""Describe a DAG by its tasks: its nodes, their conditions, and references between them."""
