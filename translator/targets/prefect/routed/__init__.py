"""Writes a routed pipeline (Magnus, runnable) as a Prefect flow: functions that walk graphs, one for each of them."""
