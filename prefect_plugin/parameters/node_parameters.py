"""Group the parameters and the inputs of each node in Prefect's parameter form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from translator.shim.contract import Value


GroupT = TypeVar("GroupT", bound="_Group")
Files: TypeAlias = Annotated[Sequence[str], Field(min_length=1)]
"""The files of an input: URIs, or paths in the project."""


class _Default:
    """An instance of a class with the defaults of all its fields."""

    def __get__(self, instance: None, owner: type[GroupT]) -> GroupT:
        """Return a new instance, so that values are not shared."""
        return owner()


class _Group(BaseModel):
    """A group of the parameter form; ``default`` is the default of a flow's argument."""

    model_config = ConfigDict(
        extra="forbid",
        field_title_generator=lambda name, field: field.alias or name,
        populate_by_name=True,
        protected_namespaces=(),
    )

    node: ClassVar[str]
    default: ClassVar[_Default] = _Default()

    def __init_subclass__(cls, *, node: str | None = None, **keywords: Any) -> None:
        """Store the name of the node as the source file spells it.

        Where another process loads a pickled class, there is none: the class gets its attributes afterwards.
        """
        super().__init_subclass__(**keywords)
        if node is not None:
            cls.node = node


class NodeParameters(_Group, node=""):
    """The values of an execution node, or the axes of a task node's grid.

    A field has the parameter's name in the source file; if that is not a Python name, it is the field's alias. A
    class is defined with the name of its node: ``class TrainGrid(NodeParameters, node="train")``.
    """

    def values(self) -> dict[str, Value]:
        """Return the values of parameters by the names of the source file; None replaces a default."""
        defaults = {field.alias or name: field.default for name, field in type(self).model_fields.items()}
        values = self.model_dump(by_alias=True)
        return {name: value for name, value in values.items() if value is not None or defaults[name] is not None}


class NodeInputs(_Group, node=""):
    """The files of a node's inputs in a run, in place of their defaults.

    A field has the input's name in the source file; if that is not a Python name, it is the field's alias. A class is
    defined with the name of its node: ``class TrainInputs(NodeInputs, node="train")``.
    """

    def values(self) -> dict[str, Sequence[str]]:
        """Return the files that a run has, by the inputs' names in the source file."""
        return {name: files for name, files in self.model_dump(by_alias=True).items() if files is not None}
