"""Define the floating-point type of Prefect's parameter form, which keeps integers unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema
    from pydantic_core.core_schema import ValidatorFunctionWrapHandler


class _AsWritten:
    """An annotation of ``float`` that keeps 95 as 95, so that a command line has ``--x=95`` if the file does."""

    def __get_pydantic_core_schema__(self, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the number as a float, and return it unchanged."""
        unchanged = core_schema.plain_serializer_function_ser_schema(_same)
        return core_schema.no_info_wrap_validator_function(_checked, handler(source), serialization=unchanged)

    def __repr__(self) -> str:
        return "as_written"


def _checked(value: object, check: ValidatorFunctionWrapHandler) -> object:
    number = check(value)
    return value if type(value) is int and value == number else number


def _same(value: object) -> object:
    return value


as_written = _AsWritten()
"""Keeps an integer of an annotated ``float`` unchanged: ``Annotated[float, Field(ge=0), as_written]``."""

Number: TypeAlias = Annotated[float, as_written]
"""A floating-point number that keeps integers unchanged."""
