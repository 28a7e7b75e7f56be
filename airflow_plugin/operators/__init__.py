"""The operators that a generated DAG file is made of."""

from airflow_plugin.conditions import is_false, is_true
from airflow_plugin.operators.finish import FinishOperator
from airflow_plugin.operators.gate import GateOperator
from airflow_plugin.operators.grid import GridOperator
from airflow_plugin.operators.step import StepOperator
from airflow_plugin.parameters import dag_param

__all__ = [
    "FinishOperator",
    "GateOperator",
    "GridOperator",
    "StepOperator",
    "dag_param",
    "is_false",
    "is_true",
]
