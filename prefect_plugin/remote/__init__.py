"""Run executions of a task node on other machines, through a task runner of the user's choice."""
