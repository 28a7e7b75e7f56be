"""Write control-flow graphs (Magnus, runnable) as DAGs: task groups for branches, guards for handled failures."""
