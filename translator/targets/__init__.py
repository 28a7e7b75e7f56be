"""Engines to write for, one package each, registered by entry point ``translator.targets``."""
