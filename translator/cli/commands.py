"""List the commands: what each takes and does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes:
        name: its name, also of its module in this package.
        arguments: what it takes, as in its line of usage.
        summary: what it does.
        acts: whether it does more than print, and so is useful without the standard output.
    """

    name: str
    arguments: str
    summary: str
    acts: bool = False


TRANSLATE = Command("translate", "FILE --target T", "write the source of a DAG or a flow", acts=True)
"""What ``translate`` does without the name of a command."""

SECTIONS: dict[str, tuple[Command, ...]] = {
    "commands": (
        Command("init", "LANGUAGE [DIR]", "write a small pipeline to start from", acts=True),
        Command("check", "[FILE...]", "report problems in pipeline files", acts=True),
        Command("run", "[FILE]", "translate a pipeline and run it locally", acts=True),
        Command("explain", "[FILE]", "predict the effect of failures"),
        Command("graph", "[FILE]", "draw a pipeline, also with the states of a run", acts=True),
        Command("audit", "[PATH]", "report which pipelines of a tree translate"),
        Command("config", "[FILE]", "show the effective settings from translator.toml"),
    ),
    "past runs": (
        Command("runs", "", "list the runs in a store"),
        Command("show", "[RUN]", "show states, metrics and files of a run"),
        Command("logs", "[RUN] [NODE]", "print logs"),
        Command("outputs", "[RUN] [NODE]", "list output files, or copy them (--to DIR)", acts=True),
        Command("compare", "RUN RUN", "compare two runs"),
        Command("why", "[RUN] [NODE]", "explain why executions were not reused"),
        Command("deployments", "ACTION [NAME] [...]", "list what is deployed, move aliases, stop versions", acts=True),
        Command("catalogue", "ACTION [NAME] [...]", "list and change the names of data in a store", acts=True),
    ),
    "help": (
        Command("docs", "[PAGE]", "show the documentation of this version"),
        Command("completion", "SHELL", "print completions for bash, zsh or fish"),
        Command("schema", "[NAME]", "print a JSON Schema for editors, or list them"),
        Command("rule", "[CODE...]", "explain the codes of findings, or list them"),
    ),
}
"""The commands with a name, by the heading that they are shown below."""
COMMANDS = {command.name: command for section in SECTIONS.values() for command in section}

EXAMPLES = (
    "translate check valohai.yaml",
    "translate run valohai.yaml --param learning_rate=0.1,0.01",
    "translate valohai.yaml --target airflow -o ~/airflow/dags/",
)


def listed() -> str:
    """Return the list of the commands as text, with examples."""
    width = max(len(_usage(command)) for command in (TRANSLATE, *COMMANDS.values()))
    lines = [f"  {_usage(TRANSLATE):<{width}}  {TRANSLATE.summary}"]
    for title, commands in SECTIONS.items():
        lines += ["", f"{title}:"]
        lines += [f"  {_usage(command):<{width}}  {command.summary}" for command in commands]
    lines += ["", "examples:", *(f"  {example}" for example in EXAMPLES)]
    return "\n".join(lines) + "\n"


def _usage(command: Command) -> str:
    name = "translate" if command is TRANSLATE else f"translate {command.name}"
    return f"{name} {command.arguments}".rstrip()
