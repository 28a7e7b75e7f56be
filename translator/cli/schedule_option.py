"""Define ``--schedule`` and ``--timezone``: when the engine starts a pipeline on its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator import ir
from translator.cli.exit_status import UsageError
from translator.schedules.cron import CronError, normalised
from translator.schedules.zones import ZoneError, check_zone

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Declare ``--schedule`` and ``--timezone``."""
    cron = "cron expression for scheduled runs, such as '0 3 * * *' (default: schedule in translator.toml)"
    parser.add_argument("--schedule", metavar="CRON", help=cron)
    parser.add_argument("--timezone", metavar="ZONE", help="time zone of the schedule (default: UTC)")


def with_schedule(pipeline: ir.Pipeline, args: Namespace) -> ir.Pipeline:
    """Return a pipeline with the schedule of the options, which override the configuration.

    Raises:
        UsageError: they are invalid, or there is a time zone without a schedule.
    """
    schedule = pipeline.schedule
    try:
        if args.schedule is not None:
            cron = normalised(args.schedule)
            own = {name: span for name, span in (schedule.spans if schedule else {}).items() if name != "cron"}
            schedule = replace(schedule, cron=cron, spans=own, assets=()) if schedule else ir.Schedule(cron)
    except CronError as error:
        raise UsageError(f"--schedule: {error.message}", error.hint) from None
    if args.timezone is None:
        return replace(pipeline, schedule=schedule)
    if schedule is None or schedule.cron is None:
        raise UsageError("--timezone needs a schedule", "add --schedule CRON, or a schedule in translator.toml")
    try:
        check_zone(args.timezone)
    except ZoneError as error:
        raise UsageError(f"--timezone: {error.message}", error.hint) from None
    return replace(pipeline, schedule=replace(schedule, timezone=args.timezone))
