"""Define the options that choose steps and task blueprints of a ``valohai.yaml``, as ``vh execution run`` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.dialects.choices import Choices, Options

if TYPE_CHECKING:
    from argparse import Namespace

    from translator.dialects.choices import ArgumentGroup


@dataclass(frozen=True, slots=True)
class ValohaiChoices(Choices):
    """The task blueprints that become pipelines of one node, as ``steps`` do.

    With ``everything``, all steps and task blueprints do, beside the pipelines of the file.
    """

    tasks: tuple[str, ...] = ()
    everything: bool = False

    @property
    def pipelines(self) -> bool:
        """Return whether the pipelines of the file are read."""
        return not (self.steps or self.tasks)


def add_arguments(valohai: ArgumentGroup) -> None:
    """Declare the options."""
    blueprint = "read only these task blueprints, each as a pipeline of one node"
    valohai.add_argument("--task", nargs="+", action="extend", default=[], metavar="NAME", help=blueprint)
    everything = "read steps and task blueprints, too, each as a pipeline of one node"
    valohai.add_argument("--all", dest="everything", action="store_true", help=everything)


def read(args: Namespace) -> ValohaiChoices:
    """Read the options of ``add_arguments``."""
    return ValohaiChoices(tasks=tuple(args.task), everything=args.everything)


OPTIONS = Options(ValohaiChoices, "task blueprints", add_arguments, read)
