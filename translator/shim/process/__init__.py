"""The process that runs a command: its script, its environment, its output, its limits and its end."""
