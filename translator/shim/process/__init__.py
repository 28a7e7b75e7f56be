"""Run the process of a command: its script, environment, output, limits and end."""
