"""Adapt Prefect's tasks: their runners, futures, states, names and logs."""
