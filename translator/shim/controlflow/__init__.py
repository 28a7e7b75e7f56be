"""Handle composite nodes and routes of control-flow graphs, on every engine."""
