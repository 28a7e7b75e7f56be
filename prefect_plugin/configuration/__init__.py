"""Read what a deployment sets in Prefect: the artifact store, connections and secrets."""
