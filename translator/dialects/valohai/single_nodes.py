"""Make pipelines of one node from steps and task blueprints, which Valohai runs without a pipeline as well."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING

from translator.dialects.choices import ChoiceError
from translator.dialects.valohai.selection import node_names
from translator.names import did_you_mean, identifiers
from translator.source import Located

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from translator.dialects.valohai.choices import ValohaiChoices
    from translator.dialects.valohai.document import Item, Items


@dataclass(frozen=True, slots=True)
class SingleNode:
    """A pipeline of one node: its name, and the node as a pipeline of the file would have it."""

    name: str
    node: Located


def single_nodes(items: Items, choices: ValohaiChoices) -> tuple[SingleNode, ...]:
    """Return the steps and task blueprints that are chosen, as pipelines of one node.

    A pipeline has the name of its step or task blueprint. If another one has it already, the kind is added, and a
    number if that is taken, too. Names that become one identifier count as one, as files are called after identifiers.

    Args:
        items: the items of the file.
        choices: the options of the command line.

    Raises:
        ChoiceError: a step or a task blueprint does not exist, or all are chosen as well as some.
    """
    if choices.everything and (choices.steps or choices.tasks):
        raise ChoiceError(f"--all cannot be combined with {'--step' if choices.steps else '--task'}")
    chosen = list(_chosen(items, choices))
    taken = {_identifier(name) for name in items.pipelines} if choices.pipelines else set()
    singles = []
    for item in chosen:
        numbered = (f"{item.name} ({item.kind} {number})" for number in count(2))
        names = chain((item.name, f"{item.name} ({item.kind})"), numbered)
        name = next(name for name in names if _identifier(name) not in taken)
        taken.add(_identifier(name))
        singles.append(SingleNode(name, _node(item)))
    return tuple(singles)


def _identifier(name: str) -> str:
    return identifiers([name])[name].casefold()


def _chosen(items: Items, choices: ValohaiChoices) -> Iterator[Item]:
    steps: Sequence[str] = list(items.steps) if choices.everything else list(dict.fromkeys(choices.steps))
    tasks: Sequence[str] = list(items.tasks) if choices.everything else list(dict.fromkeys(choices.tasks))
    for kind, names in (("step", steps), ("task", tasks)):
        known = items.of(kind)
        for name in names:
            if name not in known:
                what = "step" if kind == "step" else "task blueprint"
                nodes = node_names(items) if kind == "step" else []
                hint: str | None
                if name in nodes:
                    hint = "to run nodes of a pipeline, name only nodes, or add --pipeline NAME"
                else:
                    hint = did_you_mean(name, [*known, *nodes]) or did_you_mean(name, known, f"{what}s")
                raise ChoiceError(f"--{kind} {name}: there is no {what} {name!r}", hint)
            yield known[name]


def _node(item: Item) -> Located:
    """Return the node that runs a step or a task blueprint; all of it stands where the item does."""
    kind = "execution" if item.kind == "step" else item.kind
    value = {"name": item.name, "type": kind, item.kind: item.name}

    def at_item(part: object) -> Located:
        return Located(part, item.body.file, item.body.start, item.body.end)

    node = at_item(value)
    node.entries = {key: at_item(part) for key, part in value.items()}
    node.keys = {key: at_item(key) for key in value}
    return node
