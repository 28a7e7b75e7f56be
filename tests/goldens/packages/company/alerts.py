"""Callbacks of a company, which settings name in ``cases/settings/translator.toml``."""

from typing import Any


def page(context: Any) -> None:
    """Tell the people on call."""


class Notify:
    """Tell a channel; as a notifier of Airflow is called."""

    def __init__(self, channel: str, text: str = "") -> None:
        self.channel = channel
        self.text = text

    def __call__(self, context: Any) -> None:
        """Send the message."""


def note(task: Any, task_run: Any, state: Any) -> None:
    """Note the end of a task run of Prefect."""


def note_flow(flow: Any, flow_run: Any, state: Any) -> None:
    """Note the end of a flow run of Prefect."""
