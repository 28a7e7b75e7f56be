"""Check that the runs of a schedule can start: nobody is there to give them anything."""

from __future__ import annotations

from datetime import UTC as UTC_ZONE
from datetime import datetime
from typing import TYPE_CHECKING

from translator.launch_inputs import required
from translator.schedules.zones import UTC

if TYPE_CHECKING:
    from translator import ir
    from translator.diagnostics import Diagnostics


def _check_clock_changes(cron: str, schedule: ir.Schedule, diagnostics: Diagnostics) -> None:
    """Report that the engines start a run at different times on a day when clocks are changed."""
    from translator.schedules.clock_changes import first_difference

    difference = first_difference(cron, schedule.timezone, datetime.now(UTC_ZONE).date())
    if difference is None:
        return
    when = f"{difference.time:%H:%M} on {difference.time:%Y-%m-%d} in {schedule.timezone}"
    if difference.only is not None:
        message = f"because clocks are changed, only {difference.only} starts a run at {when}"
    elif not difference.repeated:
        message = f"{when} does not exist: Airflow starts one run for all times that do not, Prefect one for each"
    elif difference.every_hour:
        message = f"{when} comes twice: Airflow starts a run at both, Prefect only at the first"
    else:
        message = f"{when} comes twice: Airflow starts a run at the second, Prefect at the first"
    diagnostics.warning(
        "clock-change",
        message,
        schedule.spans.get("cron"),
        hint='choose another hour, or timezone = "UTC"; or ignore this if it does not matter',
    )


def check_schedule(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Report why a pipeline cannot run on its schedule, if it has one.

    Args:
        pipeline: the pipeline with its settings.
        diagnostics: receives the findings.
    """
    schedule = pipeline.schedule
    if schedule is None:
        return
    if schedule.catchup and schedule.start_date is None:
        diagnostics.error(
            "catchup-without-start",
            "catchup needs the day from which runs are made up for",
            schedule.spans.get("catchup"),
            hint='write start_date beside it, such as start_date = "2026-01-31"',
        )
    if schedule.cron is not None and schedule.timezone != UTC:
        _check_clock_changes(schedule.cron, schedule, diagnostics)
    updated = {asset: node for node, update in pipeline.assets.items() for asset in update.names}
    for asset in schedule.assets:
        if asset in updated:
            diagnostics.error(
                "endless-schedule",
                f"the pipeline starts when {asset!r} is updated, and its own node {updated[asset]!r} updates it: each "
                "run would start the next",
                schedule.spans.get("assets"),
                hint="remove the asset from the schedule or from the node",
            )
    span = schedule.spans.get("cron" if schedule.cron is not None else "assets")
    where = f" ({span.place})" if span is not None else ""
    for one in required(pipeline):
        diagnostics.error(
            "schedule-without-input",
            f"the pipeline has a schedule{where}, but its runs would have no file for the input {one.name!r}",
            one.input.span,
            hint="give the input a default, make it optional, or remove the schedule",
        )
