"""The artifact-passing shim: what runs beside a step's command, on either engine.

Generated files import the value types of this package; the engines' plugins call its functions.
"""

from translator.shim import loom
from translator.shim.contract import (
    After,
    Catalog,
    FileAxis,
    Input,
    MetadataOf,
    Output,
    Parameter,
    ParameterOf,
    SameInput,
    State,
    Step,
    complete,
    failed,
    metadata,
    output,
    parameter,
    same_input,
)

__all__ = [
    "After",
    "Catalog",
    "FileAxis",
    "Input",
    "MetadataOf",
    "Output",
    "Parameter",
    "ParameterOf",
    "SameInput",
    "State",
    "Step",
    "complete",
    "failed",
    "loom",
    "metadata",
    "output",
    "parameter",
    "same_input",
]
