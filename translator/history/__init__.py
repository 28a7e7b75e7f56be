"""Read past runs, of either engine, from an artifact store."""
