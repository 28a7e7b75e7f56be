"""Survey the pipeline files of a tree: what translates, what is refused and why, and what has to be provided."""
