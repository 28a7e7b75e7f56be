"""Read what a deployment sets in Airflow: where the artifact store and project are, connections and secrets."""
