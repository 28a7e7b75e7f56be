"""Check the runners and deployers that a configuration names, and their settings, with these themselves."""

from __future__ import annotations

import keyword
from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.names import did_you_mean
from translator.shim import runners

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from translator.config.settings import Path, Setting
    from translator.diagnostics import Diagnostics
    from translator.shim.deployers import Deployer
    from translator.shim.runners import Runner


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of thing that a setting chooses by its name, from what is installed."""

    word: str
    names: Callable[[], tuple[str, ...]]
    load: Callable[[str], Runner | Deployer]


_RUNNER = _Kind("runner", runners.names, runners.load)


def check_runners(settings: Mapping[Path, Setting], diagnostics: Diagnostics) -> None:
    """Report unknown runners and deployers in a table of settings, and settings that these do not take."""
    _check_kind(_RUNNER, settings, diagnostics)
    if any(path[0] in ("deployer", "deployers") for path in settings):
        from translator.shim import deployers  # few pipelines deploy

        _check_kind(_Kind("deployer", deployers.names, deployers.load), settings, diagnostics)


def _check_kind(kind: _Kind, settings: Mapping[Path, Setting], diagnostics: Diagnostics) -> None:
    chosen = settings.get((kind.word,))
    if chosen is not None:
        _is_known(kind, str(chosen.value), chosen, diagnostics)
    by_name: dict[str, dict[str, Setting]] = {}
    for path, setting in settings.items():
        if path[0] == f"{kind.word}s" and len(path) > 2:  # noqa: PLR2004 - runners, a name, a key
            by_name.setdefault(path[1], {})[path[2]] = setting
    for name, of_name in by_name.items():
        if not _is_known(kind, name, next(iter(of_name.values())), diagnostics):
            continue
        for key, setting in of_name.items():
            if not argument(key).isidentifier() or keyword.iskeyword(key):
                diagnostics.error("bad-setting", f"{key!r} is not the name of a setting", setting.span)
                continue
            for problem in kind.load(name).check({argument(key): setting.value}):
                diagnostics.error("bad-setting", problem, setting.span)


def argument(key: str) -> str:
    """Return the name by which a runner knows a setting, whose key may have dashes."""
    return key.replace("-", "_")


def _is_known(kind: _Kind, name: str, setting: Setting, diagnostics: Diagnostics) -> bool:
    known = kind.names()
    if name in known:
        return True
    hint = did_you_mean(name, known, f"install the package that provides it here as well; installed {kind.word}s")
    diagnostics.error(f"unknown-{kind.word}", f"there is no {kind.word} {name!r}", setting.span, hint=hint)
    return False
