"""Complete the records of flow runs that were killed, in the store and in Prefect's API."""
