"""Define the keys of ``translator.toml``: one table for validation, the JSON Schema and the documentation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translator.config.kinds import Codes, Duration, Flag, Number, Plain, Table, Text, Texts, Whole
from translator.config.times import Cron, Day, Zone
from translator.ir import Code
from translator.shim.files.git_address import ADDRESS
from translator.shim.files.object_stores import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.config.kinds import Kind


@dataclass(frozen=True, slots=True)
class Key:
    """A key: its name, the kind of its values, and a sentence for the documentation."""

    name: str
    kind: Kind
    doc: str


@dataclass(frozen=True, slots=True)
class Section:
    """A table of keys, and of tables with keys of their own."""

    doc: str
    keys: tuple[Key, ...] = ()
    tables: Mapping[str, Section] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all keys and tables."""
        return (*(key.name for key in self.keys), *self.tables)

    def key(self, name: str) -> Key | None:
        """Return the key of that name."""
        return next((key for key in self.keys if key.name == name), None)


@dataclass(frozen=True, slots=True)
class TargetKeys:
    """The keys that a target takes from the table of its name in ``translator.toml``.

    ``node`` are those that a node may have: arguments of its task. ``workflow`` are those of the pipeline as a whole,
    in a table called ``workflow_table`` ("dag"). ``name_key`` is the one of them that names the workflow, as an option
    of the command line does. ``where`` are the keys of a node that say where it runs.
    """

    node: tuple[Key, ...] = ()
    workflow: tuple[Key, ...] = ()
    workflow_table: str = "workflow"
    name_key: str = ""
    where: tuple[str, ...] = ()

    def section(self, target: str, *, whole: bool) -> Section:
        """Return the target's table.

        Args:
            target: the target's name.
            whole: whether it is at a level that whole pipelines have.
        """
        tables = {}
        if whole and self.workflow:
            tables[self.workflow_table] = Section(
                f"Arguments of the {self.workflow_table.upper()} itself.", self.workflow
            )
        return Section(f"Settings for {target.capitalize()}.", self.node, tables)


PIPELINE = "{pipeline}"
"""What stands for the pipeline's name in names that a setting gives."""
_VARIABLE = "[A-Za-z_][A-Za-z0-9_]*"
RESOURCES = Section(
    "Resources of an execution.",
    (
        Key("cpu", Number(), "CPU cores."),
        Key("memory", Whole(1), "Memory in MB."),
        Key("devices", Table(Whole(), "numbers of devices by name"), 'Devices, such as `"nvidia.com/gpu" = 1`.'),
    ),
)
APPROVAL = Section(
    "How [approvals](semantics.md#approvals) are answered.",
    (
        Key(
            "timeout",
            Duration(),
            "The time after which nobody is waited for any more. Without it, Airflow waits for "
            "ever and Prefect for 30 days.",
        ),
        Key("default", Text(("approve", "reject")), "What counts after that time: `reject` by default."),
    ),
)
GENERAL = Section(
    "Settings for all targets.",
    (
        Key(
            "runner",
            Text(),
            "What runs the commands: `process` (default), `docker`, `kubernetes`, or the runner of a package.",
        ),
        Key("runners", Table(Table(Plain(), "settings"), "settings by runner"), "Settings of runners, by their names."),
        Key("deployer", Text(), "What runs the servers of deployment nodes: `local` (default), or that of a package."),
        Key(
            "deployers",
            Table(Table(Plain(), "settings"), "settings by deployer"),
            "Settings of [deployers](deployments.md), by their names.",
        ),
        Key("image", Text(), "The container image, for runners that use one."),
        Key(
            "members_timeout",
            Duration(),
            "How long an execution of a [distributed task](how-to/distributed.md) waits for the others: 10 minutes by "
            "default.",
        ),
        Key(
            "variables", Table(Text(blank=True), "strings by name", _VARIABLE), "Environment variables of the commands."
        ),
        Key(
            "secrets",
            Table(Text(), "names of secrets by variable", _VARIABLE),
            "Environment variables that hold secrets. Their values come from the worker's environment variable of that "
            "name, else from an Airflow variable or connection, or a Prefect `Secret` block. They are masked in logs.",
        ),
    ),
    {"resources": RESOURCES, "approval": APPROVAL},
)
"""The keys that every table of settings has, whatever the targets."""

STORE = Key(
    "store",
    Text(
        pattern=r"^(/|[A-Za-z][A-Za-z0-9+.-]*://(?![^/]*:[^/]*@)[^\s])",
        words='an absolute directory or a URI without a password, such as "s3://bucket/prefix"',
    ),
    "The [artifact store](#artifact-store): an absolute directory, or a URI such as `s3://bucket/prefix`. Only in "
    "`[defaults]` and `[pipelines.NAME]`.",
)
"""The key of tables for whole pipelines: a run has one store."""

PROJECT_CODE = Key(
    "code",
    Text(choices=tuple(code.value for code in Code)),
    "How the project's [files get to the workers](#code): with the generated file (`path`, the default), from the "
    "artifact store (`snapshot`), or from the repository at `git_remote` (`git`). Only in `[defaults]` "
    "and `[pipelines.NAME]`.",
)
"""The key that says how a pipeline's code travels."""

_ASSETS = Texts(
    r"^(?!(self|context)$)((s3|gs|abfss?|https?)://)?[A-Za-z0-9][A-Za-z0-9_./-]{0,249}$",
    "a name of letters, digits, dots, dashes, underscores and slashes, or a URI such as s3://bucket/path",
)
"""Names of assets. Airflow reserves two words, and checks URIs of other kinds by rules of their own."""
ASSETS = Key(
    "assets",
    Table(_ASSETS, "lists of assets by node"),
    "The [assets](deploying.md#assets) that nodes update each time they are complete, such as "
    '`train = ["digits-model"]`. Prefect has none. Only in `[defaults]` and `[pipelines.NAME]`.',
)
"""The key that says which nodes of a pipeline update assets."""

SCHEDULE = "schedule"
"""The table of a pipeline's schedule, which only whole pipelines have."""
SCHEDULES = Section(
    "When the pipeline runs on its own: see [Schedules](deploying.md#schedules). Only in `[defaults]` and "
    "`[pipelines.NAME]`.",
    (
        Key("cron", Cron(), "When a run starts: minute, hour, day of the month, month, day of the week."),
        Key("timezone", Zone(), "The time zone of `cron`: `UTC` by default."),
        Key(
            "catchup",
            Flag(),
            "Whether Airflow makes up for the runs that it missed, such as while the DAG was paused: `false` by "
            "default. It needs `start_date`. Prefect cannot.",
        ),
        Key("start_date", Day(), "The day from which Airflow schedules runs. Prefect has no such day."),
        Key(
            "assets",
            _ASSETS,
            "[Assets](deploying.md#assets): Airflow starts a run once all of them have been updated. With `cron`, it "
            "does so besides the runs at those times. Prefect cannot.",
        ),
    ),
)
"""The keys of that table."""

PROJECT_NAME = Key(
    "project_name",
    Text(pattern=r"^[^/\s\x00-\x1f]+/[^/\x00-\x1f]+$", words='an owner and a name, such as "team/churn"'),
    "The project's name for steps of Valohai: `valohai.project-name` in `execution.json`. Only in `[defaults]` and "
    "`[pipelines.NAME]`.",
)

_WITH_USER = "s3|s3a|gs|gcs|abfs|abfss|az|azure|adl|oci|swift"
_ALL_BUCKETS = "|".join(sorted(KINDS))
_PLACE = r"[^\s/?#@]+(/[^\s?#]*)?"
_STORE = rf"({_WITH_USER})://(?![^/]*:[^/]*@)([^\s/?#@]+@)?{_PLACE}"
_SERVER = rf"(?!({_WITH_USER}|file|datum|dataset|model)://)[a-z][a-z0-9+.-]*://{_PLACE}"
ADDRESSES = f"(({_ALL_BUCKETS})://|{_STORE}|{_SERVER})"
"""A pattern of what addresses of inputs may begin with: a kind of store, a bucket, or a server without a user; and a
path."""


def by_address(words: str) -> Table:
    """Return the kind of a table with names by the start of an address; ``words`` say what they are."""
    return Table(Text(), words, ADDRESSES, 'the start of an address, such as "s3://bucket/" or "https://host/path/"')


IGNORE = Key("ignore", Codes(), "[Codes](diagnostics.md) of warnings and notes that no command reports.")
"""The key of the file itself; in TOML it stands before all tables."""

GIT_REMOTE = Key(
    "git_remote",
    Text(pattern=f"^{ADDRESS}$", words="a Git repository at https://, ssh:// or file://, without a password"),
    'The Git repository of the project, for `code = "git"` and for nodes with a `commit` that the local repository '
    "lacks. `#DIRECTORY` at its end is the project's directory in it.",
)
"""The key of the file itself that names the repository of the project; in TOML it stands before all tables."""

OF_FILE = (IGNORE, GIT_REMOTE)
"""The keys of the file itself."""

LEVELS = ("defaults", "pipelines", "groups", "environments", "presets", "steps", "nodes")
"""The tables that hold settings, the weakest first; those of a pipeline's own ``nodes`` are stronger than all."""
WEAK = ("defaults", "groups")
"""The levels that count for an image, resources and variables only where the pipeline file says nothing."""
WHOLE = ("defaults", "pipelines")
"""The levels that whole pipelines have."""
