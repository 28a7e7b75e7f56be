"""Run ``translate deployments``: list the versions of deployments, show their logs, move aliases, stop them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from translator.cli.exit_status import OK, UsageError
from translator.cli.parser import Parser
from translator.cli.printing import print_json
from translator.cli.store_option import configuration
from translator.diagnostics import columns, printable
from translator.history.times import local

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from translator.shim.deployers import Administration, Version

_ABSENT = "-"


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    args = parser().parse(argv)
    least, most, action = _ACTIONS[args.action]
    if args.all:
        if args.action != "stop":
            raise UsageError("--all is an option of translate deployments stop")
        least, most = 0, 0
    if not least <= len(args.arguments) <= most:
        raise UsageError(f"expected: translate deployments {_USAGE[args.action]}")
    return action(_administration(args), args)


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser("deployments", "List and change what deployment nodes have deployed.", page="deployments")
    usages = "\n".join(f"  {usage}" for usage in _USAGE.values())
    arguments.epilog = f"actions:\n{usages}\n\n{arguments.epilog}"
    arguments.add_argument(
        "action",
        metavar="ACTION",
        nargs="?",
        default="ls",
        choices=tuple(_USAGE),
        help=f"{' | '.join(_USAGE)} (default: ls)",
    )
    arguments.add_argument(
        "arguments", metavar="NAME", nargs="*", help="deployment, alias, version: its number, or an alias"
    )
    arguments.add_argument("--deployer", metavar="NAME", help="deployer (default: that of translator.toml, else local)")
    where = "directory of the deployments (default: that of translator.toml, else of the deployer)"
    arguments.add_argument("--directory", metavar="DIR", help=where)
    arguments.add_argument(
        "--kubeconfig", metavar="FILE", help="credentials of the cluster (default: the connection of translator.toml)"
    )
    arguments.add_argument("--endpoint", metavar="NAME", help="only the log of this endpoint")
    arguments.add_argument("--all", action="store_true", help="stop everything, with the daemon and the front")
    arguments.add_argument("--format", choices=("text", "json"), default="text", help="output format (default: text)")
    return arguments


def _administration(args: argparse.Namespace) -> Administration:
    """Return what manages the versions of the chosen deployer."""
    from pathlib import Path

    from translator.cli import connections
    from translator.config.resolve import below, settings_of_pipeline
    from translator.config.runners import argument
    from translator.shim import deployers

    settings = settings_of_pipeline(configuration(), None)
    chosen = settings.get(("deployer",))
    name = args.deployer or (str(chosen.value) if chosen is not None else deployers.DEFAULT)
    deployer = deployers.load(name)
    if deployer.administration is None:
        raise UsageError(f"the deployer {name!r} manages its versions elsewhere")
    own = {argument(path[0]): one.value for path, one in below(settings, "deployers", name)}
    if args.kubeconfig is not None:
        if deployer.check({"context": "any"}):
            raise UsageError(f"--kubeconfig is for deployers on a cluster, not for {name!r}")
        os.environ["KUBECONFIG"] = str(Path(args.kubeconfig).absolute())
        own.pop("connection", None)
    if args.directory is not None:
        own["directory"] = str(Path(args.directory).absolute())
        if deployer.check({"directory": own["directory"]}):
            raise UsageError(f"--directory is for deployers with a directory, not for {name!r}")
    return deployer.administration(own, connections.lookup)


def _list(administration: Administration, args: argparse.Namespace) -> int:
    wanted = args.arguments[0] if args.arguments else None
    versions = [one for one in administration.versions() if wanted in (None, one.deployment)]
    if args.format == "json":
        print_json([_document(version) for version in versions])
        return OK
    if not versions:
        sys.stdout.write(f"nothing is deployed{f' as {printable(wanted)}' if wanted else ''}\n")
        return OK
    rows = [("DEPLOYMENT", "VERSION", "ALIASES", "STATE", "MADE", "BY"), *map(_row, versions)]
    sys.stdout.write("".join(f"{line}\n" for line in columns(rows)))
    return OK


def _row(version: Version) -> tuple[str, ...]:
    cells = (version.deployment, version.version, ", ".join(version.aliases) or _ABSENT, _state(version))
    return tuple(printable(cell) for cell in (*cells, local(version.created), version.run))


def _state(version: Version) -> str:
    """Return the state of a version: that of its servers, if they agree."""
    states = sorted({server.state for server in version.servers})
    return ", ".join(states) or _ABSENT


def _show(administration: Administration, args: argparse.Namespace) -> int:
    deployment, *rest = args.arguments
    versions = [one for one in administration.versions() if one.deployment == deployment]
    if rest:
        versions = [one for one in versions if rest[0] in (one.version, *one.aliases)]
    if not versions:
        raise UsageError(f"there is no {'version' if rest else 'deployment'} {(rest or [deployment])[0]!r}")
    if args.format == "json":
        print_json([_document(version) for version in versions])
        return OK
    for version in versions:
        aliases = ", ".join(version.aliases) or "no alias"
        lines = [
            f"{version.deployment} {version.version} ({aliases})",
            f"  made {local(version.created)} by {version.run}",
            *(
                f"  {line}"
                for line in columns([(one.endpoint, one.state, one.url, one.details) for one in version.servers])
            ),
        ]
        sys.stdout.write("".join(f"{printable(line).rstrip()}\n" for line in lines))
    return OK


def _logs(administration: Administration, args: argparse.Namespace) -> int:
    deployment, *rest = args.arguments
    version = rest[0] if rest else _newest(administration, deployment)
    for line in administration.logs(deployment, version, args.endpoint):
        sys.stdout.write(f"{printable(line)}\n")
    return OK


def _newest(administration: Administration, deployment: str) -> str:
    versions = [one.version for one in administration.versions() if one.deployment == deployment]
    if not versions:
        raise UsageError(f"there is no deployment {deployment!r}")
    return versions[-1]


def _alias(administration: Administration, args: argparse.Namespace) -> int:
    deployment, alias, version = args.arguments
    administration.move(deployment, alias, version)
    _print_done(args, f"alias {alias} of {deployment} points to version {version} from now on")
    return OK


def _unalias(administration: Administration, args: argparse.Namespace) -> int:
    deployment, alias = args.arguments
    administration.remove_alias(deployment, alias)
    _print_done(args, f"removed alias {alias} of {deployment}")
    return OK


def _stop(administration: Administration, args: argparse.Namespace) -> int:
    if args.all:
        names = administration.stop_all()
        _print_done(args, f"stopped and removed everything ({', '.join(names) or 'no deployments'})")
        return OK
    deployment, *rest = args.arguments
    stopped = administration.stop(deployment, rest[0] if rest else None)
    _print_done(args, f"stopped and removed {deployment} {', '.join(stopped) or '(no versions)'}")
    return OK


def _print_done(args: argparse.Namespace, text: str) -> None:
    if args.format == "json":
        print_json({"done": text})
    else:
        sys.stdout.write(f"{printable(text)}\n")


def _document(version: Version) -> dict[str, object]:
    return {
        "deployment": version.deployment,
        "version": version.version,
        "created": version.created,
        "run": version.run,
        "aliases": list(version.aliases),
        "servers": [
            {"endpoint": one.endpoint, "state": one.state, "url": one.url, "details": one.details}
            for one in version.servers
        ],
    }


_ACTIONS: Mapping[str, tuple[int, int, Callable[[Administration, argparse.Namespace], int]]] = {
    "ls": (0, 1, _list),
    "show": (1, 2, _show),
    "logs": (1, 2, _logs),
    "alias": (3, 3, _alias),
    "unalias": (2, 2, _unalias),
    "stop": (1, 2, _stop),
}
_USAGE = {
    "ls": "ls [DEPLOYMENT]",
    "show": "show DEPLOYMENT [VERSION]",
    "logs": "logs DEPLOYMENT [VERSION]",
    "alias": "alias DEPLOYMENT ALIAS VERSION",
    "unalias": "unalias DEPLOYMENT ALIAS",
    "stop": "stop DEPLOYMENT [VERSION] | stop --all",
}
