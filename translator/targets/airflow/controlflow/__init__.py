"""Control-flow graphs (Magnus, runnable) as DAG files: task groups for branches, guards where a failure is handled."""
