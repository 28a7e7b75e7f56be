"""Define functions of steps whose arguments are bound as in the engines, or deliberately differently.

``test_steps`` compares both kinds with the engines; ``docs/magnus.md`` lists the differences in a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

GIVEN: Mapping[str, Any] = {
    "n": 3, "t": "text", "no": "false", "b": True, "z": None, "f": 1.5, "l": [1, "a", None],
    "d": {"a": 1, "more": {"x": [2]}}, "like": {"$object": "n.dill"}, "number": {"$float": "nan"}, "d2": {"alias": 5},
    "d3": {"n": 5},
}  # fmt: skip

COMMON = """
import argparse, collections.abc, dataclasses, datetime, decimal, enum, os, pathlib, typing
from typing import Annotated, Any, Dict, List, Literal, Optional, Union
from pydantic import BaseModel, ConfigDict, Field, RootModel
class Some(BaseModel):
    a: int
class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int
class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int
class Inner(BaseModel):
    x: list
class Deep(BaseModel):
    a: str = "no"
    more: Inner
class Single(BaseModel):
    n: int
class Alias(BaseModel):
    there: int = Field(alias="alias")
class Colour(enum.Enum):
    text = "text"
class Keys(typing.TypedDict):
    a: int
class Named(typing.NamedTuple):
    a: int
@dataclasses.dataclass
class Data:
    a: int
New = typing.NewType("New", int)
Var = typing.TypeVar("Var")
def double(x): return x * 2
"""

# name: the function's arguments, and the expression whose repr is what the step leaves.
SAME: Mapping[str, tuple[str, str]] = {
    "int_of_int": ("n: int", "n"),
    "str_of_int": ("n: str", "n"),
    "float_of_int": ("n: float", "n"),
    "bool_of_text": ("no: bool", "no"),
    "int_of_text": ("t: int", "t"),
    "str_of_none": ("z: str", "z"),
    "str_of_dict": ("d: str", "d"),
    "list_of_text": ("t: list", "t"),
    "list_of_int": ("n: list", "n"),
    "dict_of_dict": ("d: dict", "d"),
    "dict_of_list": ("l: dict", "l"),
    "set_of_list": ("l: set", "sorted(map(str, l))"),
    "path_of_text": ("t: pathlib.Path", "t"),
    "date_of_text": ("t: datetime.date", "t"),
    "decimal_of_float": ("f: decimal.Decimal", "f"),
    "enumeration": ("t: Colour", "t"),
    "typed_dict": ("d: Keys", "d"),
    "named_tuple": ("n: Named", "n"),
    "data_class": ("n: Data", "n"),
    "any_object": ("d: object", "d"),
    "sequence": ("l: collections.abc.Sequence", "l"),
    "mapping": ("d: typing.Mapping[str, int]", "d"),
    "list_of_ints": ("l: list[int]", "l"),
    "list_of_models": ("l: list[Some]", "l"),
    "tuple_of_ints": ("l: tuple[int, ...]", "l"),
    "none_as_int": ("z: int", "z"),
    "none_as_list": ("z: list", "z"),
    "none_as_path": ("z: pathlib.Path", "z"),
    "none_as_model": ("z: Some", "z"),
    "model": ("d: Some", "d"),
    "strict_model": ("d: Strict", "d"),
    "open_model": ("d: Open", "d"),
    "deep_model_refuses": ("d: Deep", "d"),
    "root_model": ("l: RootModel[list]", "l"),
    "model_of_text": ("t: Some", "t"),
    "model_beside": ("d: Some, n: int", "d, n"),
    "model_after_its_field": ("n: int, d3: Single", "n, d3"),
    "missing": ("nothing: int", "nothing"),
    "default": ("n: int, nothing: int = 7", "n, nothing"),
    "default_of_given": ("n: int = 9", "n"),
    "default_of_another_type": ("nothing: int = 'x'", "nothing"),
    "default_without_annotation": ("nothing=7", "nothing"),
    "default_model": ("nothing: Some = None", "nothing"),
    "keyword_only": ("*, n: int", "n"),
    "keyword_only_missing": ("*, nothing: int", "nothing"),
    "positional_only": ("n: int, /", "n"),
    "positional_only_default": ("n: int = 9, /", "n"),
    "no_arguments": ("", "1"),
    "looks_like_an_object": ("like: dict, number: dict", "like, number"),
}
# What the engines do differently from each other: each is run as its own engine does it.
OWN: Mapping[str, tuple[str, str]] = {
    "rest": ("n: int, **more", "n, sorted(more), more['d']"),
    "rest_alone": ("**more", "len(more)"),
    "rest_with_annotation": ("**more: int", "len(more)"),
    "starred": ("*a, n: int", "a, n"),
    "starred_alone": ("*a", "a"),
    "space": ("n: int, args: argparse.Namespace", "n, sorted(vars(args)), args.t"),
    "space_with_default": ("args: argparse.Namespace = None", "args is None"),
    "positional_only_missing": ("nothing: int = 9, /", "nothing"),
    "model_before_its_field": ("d3: Single, n: int", "d3, n"),
    "model_before_its_field_with_default": ("d3: Single, n: int = 77", "d3, n"),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Arguments that an engine fails to bind and that are bound here."""

    what: str
    fails: tuple[str, ...]
    here: str
    cases: Mapping[str, tuple[str, str]]


BOTH = ("magnus", "runnable")
AS_IS = "the value, not converted"
DIFFERENT = (
    Difference(
        "no annotation",
        ("magnus",),
        AS_IS,
        {"bare": ("n, l", "n, l"), "bare_with_default": ("n=9", "n")},
    ),
    Difference(
        "a quoted annotation, or any in a module with `from __future__ import annotations`",
        ("magnus",),
        AS_IS,
        {"quoted": ("n: 'int', d: 'Some'", "n, d"), "quoted_unknown": ("n: 'NoSuch'", "n")},
    ),
    Difference(
        "`List`, `Dict[str, int]` and other generics of `typing`",
        ("magnus",),
        "converted to `list`, `dict`",
        {"generic": ("l: List[str], d: Dict[str, int]", "l, d"), "generic_bare": ("l: List, d: Dict", "l, d")},
    ),
    Difference(
        r"`int \| None`, `None`, a `NewType`, a `TypeVar`, or anything else that is not a class",
        ("magnus",),
        AS_IS,
        {
            "bar": ("n: int | str, z: int | None, d: Some | None", "n, z, d"),
            "none": ("z: None", "z"),
            "new_type": ("n: New", "n"),
            "type_variable": ("n: Var", "n"),
            "no_type": ("n: 5, l: [int]", "n, l"),
            "function": ("n: double", "n"),
        },
    ),
    Difference(
        "`Optional[...]`, `Union[...]`, `Literal[...]`, `Any`",
        BOTH,
        AS_IS,
        {
            "optional": ("n: Optional[int], z: Optional[int], d: Optional[Some]", "n, z, d"),
            "union": ("t: Union[int, str]", "t"),
            "any": ("d: Any", "d"),
            "literal": ("t: Literal['text']", "t"),
        },
    ),
    Difference(
        "`Annotated[int, ...]`",
        BOTH,
        "like `int`",
        {"annotated": ("n: Annotated[str, 'x']", "n"), "annotated_list": ("n: Annotated[str, []]", "n")},
    ),
    Difference(
        "a pydantic model whose fields have an `alias`",
        BOTH,
        "bound by alias",
        {"aliases": ("d2: Alias", "d2")},
    ),
    Difference(
        "a pydantic model with a field named like the argument",
        ("magnus",),
        "bound",
        {"single_model": ("n: Single", "n")},
    ),
)


def page() -> str:
    """Return the table of arguments that are bound here and not by the engines."""
    lines = ["| argument with | fails in | here |", "|---|---|---|"]
    spelled = {"magnus": "Magnus", "runnable": "runnable"}
    lines += [f"| {row.what} | {', '.join(spelled[name] for name in row.fails)} | {row.here} |" for row in DIFFERENT]
    return "".join(f"{line}\n" for line in lines)
