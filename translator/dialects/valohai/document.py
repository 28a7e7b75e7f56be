"""Index the items of a ``valohai.yaml`` by kind and name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translator.dialects.valohai.detect import TOP_LEVEL
from translator.names import did_you_mean

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics
    from translator.source import Located


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the file: its position in the list, its kind, and the value below that key."""

    index: int
    kind: str
    name: str
    body: Located
    place: Located


@dataclass(frozen=True, slots=True)
class Items:
    """The named items of a file; of items with equal names the last counts, as for the vendor's parser."""

    steps: dict[str, Item] = field(default_factory=dict)
    tasks: dict[str, Item] = field(default_factory=dict)
    pipelines: dict[str, Item] = field(default_factory=dict)
    endpoints: dict[str, Item] = field(default_factory=dict)
    deployments: dict[str, Item] = field(default_factory=dict)

    def of(self, kind: str) -> dict[str, Item]:
        """Return the items of a kind, which is a key of the file's list."""
        of_kind: dict[str, dict[str, Item]] = {
            "step": self.steps,
            "task": self.tasks,
            "pipeline": self.pipelines,
            "blueprint": self.pipelines,
            "endpoint": self.endpoints,
            "deployment": self.deployments,
        }
        return of_kind[kind]


def sort_items(document: Located, diagnostics: Diagnostics | None = None) -> Items:
    """Sort the items of a file by kind and name.

    Args:
        document: the file's list.
        diagnostics: receives what the vendor's parser would ignore: items of an unknown kind, a second kind in an
            item, two items with one name. Findings of the schema are not repeated.
    """
    items = Items()
    for index, place in enumerate(document.items or ()):
        kind = next((kind for kind in TOP_LEVEL if kind in (place.entries or {})), None)
        if diagnostics is not None:
            _report_keys(place, kind, diagnostics)
        if kind is None or not place.entries:
            continue
        body = place.entries[kind]
        name = body.get("name")
        if name is None or not isinstance(name.value, str):
            continue
        known = items.of(kind)
        if name.value in known and diagnostics is not None:
            first = known.pop(name.value).body.value_span("name").line
            message = f"there are two {kind}s called {name.value!r}; the last one counts"
            diagnostics.warning("duplicate-name", message, name.span, hint=f"the first is on line {first}")
        known[name.value] = Item(index, kind, name.value, body, place)
    return items


def _report_keys(place: Located, kind: str | None, diagnostics: Diagnostics) -> None:
    for key in place.entries or {}:
        if key == kind or not isinstance(key, str):
            continue
        if kind is not None and key in TOP_LEVEL:
            message = f"this {key!r} is ignored, because its list item is already a {kind!r}"
            diagnostics.warning("ignored-item", message, place.key_span(key), hint="start a new list item: '- '")
        else:
            hint = did_you_mean(key, TOP_LEVEL, "known kinds")
            message = f"{key!r} is not a kind of item in Valohai and is ignored"
            diagnostics.warning("unknown-item", message, place.key_span(key), hint=hint)
