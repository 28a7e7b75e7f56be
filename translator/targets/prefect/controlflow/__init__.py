"""Write a control-flow pipeline as a Prefect flow, with one function per graph."""
