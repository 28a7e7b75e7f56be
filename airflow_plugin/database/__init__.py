"""Read Airflow's database in the API server and the scheduler; workers have no database."""
