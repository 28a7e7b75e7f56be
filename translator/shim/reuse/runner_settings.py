"""Choose the settings of a runner that count for the results of an execution.

Settings count unless they only say where and when a place is made: the address of a Docker host, labels of a pod.
Settings of runners that others have written all count. What a mount shows is not known, so there is no key with one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from translator.shim.json_values import thawed
from translator.shim.json_values.storable import sane

if TYPE_CHECKING:
    from translator.shim.contract import Json, Step

_MOUNTS = ("volumes", "mounts")
_TEMPLATE = "template"
_IRRELEVANT = {
    "process": frozenset({"namespace"}),
    "docker": frozenset({"host", "connection", "registries", "pull", "paths"}),
    "kubernetes": frozenset(
        {
            "helper_image",
            "connection",
            "context",
            "namespace",
            "node_selector",
            "tolerations",
            "image_pull_secrets",
            "pull",
            "requests",
            "helper_resources",
            "store_secrets",
            "labels",
            "annotations",
            "transfer",
            "start_timeout",
            "lost_after",
        }
    ),
}


def of_step(step: Step) -> tuple[dict[str, Json], str]:
    """Return the settings that count, and why the results cannot be reused; an empty text if they can."""
    if step.runner is None:
        return {}, ""
    settings = step.runner.settings
    for name in _MOUNTS:
        if settings.get(name):
            return {}, f"it sees {name} of its runner, whose contents are not known"
    if settings.get(_TEMPLATE):
        return {}, "it runs in a pod from a template, which may mount volumes whose contents are not known"
    irrelevant = _IRRELEVANT.get(step.runner.name, frozenset())
    counting = {name: value for name, value in settings.items() if name not in irrelevant}
    return cast("dict[str, Json]", sane(thawed(counting))), ""
