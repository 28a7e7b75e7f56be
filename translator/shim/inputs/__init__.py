"""The files and values that a step reads: where they come from, and how they are staged."""
