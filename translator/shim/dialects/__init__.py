"""Implement the run contract of each dialect (``translator.shim.run_contract``)."""
