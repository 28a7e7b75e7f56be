"""Read the states of task instances, and end tasks in the right state."""
