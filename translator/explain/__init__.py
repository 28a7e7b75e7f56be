"""What would happen if executions failed: the rules of ``translator.semantics``, asked for people."""
