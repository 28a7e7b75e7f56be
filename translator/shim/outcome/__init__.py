"""Derive how a run ended, and write ``run.json``."""
