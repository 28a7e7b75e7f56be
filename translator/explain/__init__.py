"""Predict the effect of failures with the rules of ``translator.semantics``."""
