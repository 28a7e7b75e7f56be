"""Let the code of a project travel to workers: choose its files, and put snapshots of them into the artifact store."""
