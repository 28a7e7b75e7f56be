"""Check the runners that a configuration names, and their settings, with the runners themselves."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING

from translator.names import did_you_mean
from translator.shim import runners

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.config.settings import Path, Setting
    from translator.diagnostics import Diagnostics


def check_runners(settings: Mapping[Path, Setting], diagnostics: Diagnostics) -> None:
    """Report unknown runners in a table of settings, and settings that a runner does not take."""
    chosen = settings.get(("runner",))
    if chosen is not None:
        _is_known(str(chosen.value), chosen, diagnostics)
    by_runner: dict[str, dict[str, Setting]] = {}
    for path, setting in settings.items():
        if path[0] == "runners" and len(path) > 2:  # noqa: PLR2004 - runners, a name, a key
            by_runner.setdefault(path[1], {})[path[2]] = setting
    for name, of_runner in by_runner.items():
        if not _is_known(name, next(iter(of_runner.values())), diagnostics):
            continue
        for key, setting in of_runner.items():
            if not argument(key).isidentifier() or keyword.iskeyword(key):
                diagnostics.error("bad-setting", f"{key!r} is not the name of a setting", setting.span)
                continue
            for problem in runners.load(name).check({argument(key): setting.value}):
                diagnostics.error("bad-setting", problem, setting.span)


def argument(key: str) -> str:
    """Return the name by which a runner knows a setting, whose key may have dashes."""
    return key.replace("-", "_")


def _is_known(name: str, setting: Setting, diagnostics: Diagnostics) -> bool:
    known = runners.names()
    if name in known:
        return True
    hint = did_you_mean(name, known, "install the package that provides it here as well; installed runners")
    diagnostics.error("unknown-runner", f"there is no runner {name!r}", setting.span, hint=hint)
    return False
