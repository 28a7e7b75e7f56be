"""Keep ``run.json`` correct if a person or Airflow changes a run outside its tasks."""
