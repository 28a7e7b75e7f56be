"""Evaluate the actions of nodes: whether their conditions hold, and what they do to the run."""
