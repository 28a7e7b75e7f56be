"""Parameters of nodes as Prefect's parameter form shows them: one group per node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from translator.shim.contract import Value


class NodeParameters(BaseModel):
    """Parameters of one node that can be set for a run: of an execution node values, of a task node axes of its grid.

    A field is called as the source file calls the parameter; where that is no Python name, it is the field's alias.
    A class is made with the name of its node: ``class TrainGrid(NodeParameters, node="train")``.
    """

    model_config = ConfigDict(
        extra="forbid",
        field_title_generator=lambda name, field: field.alias or name,
        populate_by_name=True,
        protected_namespaces=(),
    )

    node: ClassVar[str]

    def __init_subclass__(cls, *, node: str, **keywords: Any) -> None:
        """Keep the name of the node as the source file spells it."""
        super().__init_subclass__(**keywords)
        cls.node = node

    def values(self) -> dict[str, Value]:
        """The parameters that have a value, by the names of the source file."""
        return {name: value for name, value in self.model_dump(by_alias=True).items() if value is not None}
