"""Group the parameters of each node in Prefect's parameter form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from translator.shim.contract import Value


GroupT = TypeVar("GroupT", bound="NodeParameters")


class _Default:
    """An instance of a class with the defaults of all its fields."""

    def __get__(self, instance: None, owner: type[GroupT]) -> GroupT:
        """Return a new instance, so that values are not shared."""
        return owner()


class NodeParameters(BaseModel):
    """A group of the parameter form: the values of an execution node, or the axes of a task node's grid.

    A field has the parameter's name in the source file; if that is not a Python name, it is the field's alias. A
    class is defined with the name of its node: ``class TrainGrid(NodeParameters, node="train")``. Its ``default`` is
    the default of a flow's argument.
    """

    model_config = ConfigDict(
        extra="forbid",
        field_title_generator=lambda name, field: field.alias or name,
        populate_by_name=True,
        protected_namespaces=(),
    )

    node: ClassVar[str]
    default: ClassVar[_Default] = _Default()

    def __init_subclass__(cls, *, node: str, **keywords: Any) -> None:
        """Store the name of the node as the source file spells it."""
        super().__init_subclass__(**keywords)
        cls.node = node

    def values(self) -> dict[str, Value]:
        """Return the parameters that have a value, by the names of the source file."""
        return {name: value for name, value in self.model_dump(by_alias=True).items() if value is not None}
