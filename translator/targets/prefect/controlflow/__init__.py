"""Writes a control-flow pipeline as a Prefect flow: functions that walk graphs, one for each of them."""
