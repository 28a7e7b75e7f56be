"""Provide the operators of dataflow pipelines (Valohai, Loom)."""
