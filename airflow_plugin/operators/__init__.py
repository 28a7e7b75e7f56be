"""Operators of dataflow pipelines (Valohai, Loom)."""
