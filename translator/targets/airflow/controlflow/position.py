"""Track where a task of a control-flow graph is, and which arguments follow from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from translator import ir
from translator.targets.render import name
from translator.targets.steps import own_place

if TYPE_CHECKING:
    from translator.targets.airflow.controlflow.routes import NodeRoutes
    from translator.targets.airflow.model import Arguments
    from translator.targets.render import Name


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a DAG file: the depth of its lines, and the item that tasks there run for.

    ``item`` is the argument of the mapped group that it is in. In the body of a map, but outside a mapped group,
    ``over`` is the variable that lists the items, and ``argument`` the name of an item; ``sure`` then tells whether
    the graph begins for each of them.
    """

    depth: int
    item: str | None = None
    over: str | None = None
    argument: str = ""
    sure: bool = True

    def deeper(self, by: int = 1) -> Position:
        """Return the position in a group."""
        return replace(self, depth=self.depth + by)

    @property
    def item_argument(self) -> Name | None:
        """Return the item as an argument of a task in a mapped group."""
        return name(self.item) if self.item else None


def place(node: ir.Node, routes: NodeRoutes) -> str | None:
    """Return what the comment behind a node says, if there is something to say."""
    shown = own_place(node) if isinstance(node, ir.ExecutionNode) else node.span.place
    if routes.after or routes.starts:
        return shown
    return f"{shown} (unreachable)" if shown else "unreachable"


def ends(routes: NodeRoutes) -> dict[str, str | None]:
    """Return arguments for ends of the graph that are not the default, as the source language spells them."""
    return {"next": "fail" if routes.fails else None, "on_failure": "success" if routes.succeeds else None}


def arguments(**keywords: object) -> Arguments:
    """Return keyword arguments without those that are None."""
    return tuple((key, value) for key, value in keywords.items() if value is not None)
