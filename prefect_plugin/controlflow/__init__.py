"""Control-flow pipelines (Magnus, runnable) in Prefect: their nodes and branches are tasks, run one after the other."""
