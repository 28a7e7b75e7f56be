"""Draw pipelines: their nodes, branches and edges, with states of a run or predicted ones."""
