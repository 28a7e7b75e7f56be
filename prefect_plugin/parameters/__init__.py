"""Define the parameters of generated flows, as Prefect's parameter form shows them."""
