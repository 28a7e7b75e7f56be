"""The operators that the DAG file of a control-flow pipeline (Magnus, runnable) is made of.

There one token goes from node to node by how each ended, and a handled error of a step is none of the run. What follows
what is said by Airflow's own dependencies; where an error is handled, by ``after=[failed("...")]``.
"""

from airflow_plugin.controlflow.fan import AgainOperator, ChooseOperator, GuardOperator, ItemsOperator, JoinOperator
from airflow_plugin.controlflow.finish import FinishOperator
from airflow_plugin.controlflow.step import StepOperator

__all__ = [
    "AgainOperator",
    "ChooseOperator",
    "FinishOperator",
    "GuardOperator",
    "ItemsOperator",
    "JoinOperator",
    "StepOperator",
]
