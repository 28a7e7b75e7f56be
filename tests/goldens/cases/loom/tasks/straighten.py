"""Stands for a script: goldens only need it to be there."""
