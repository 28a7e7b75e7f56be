"""Run the steps of a pipeline and pass artifacts between them, on either engine.

Generated files import the value types of this package; the engines' plugins call its functions.
"""

from translator.shim import loom
from translator.shim.contract import (
    Action,
    After,
    Catalog,
    Endpoint,
    FileAxis,
    Input,
    MetadataOf,
    Output,
    Parameter,
    ParameterOf,
    Resources,
    SameInput,
    State,
    Step,
    complete,
    deployer,
    deployment,
    failed,
    metadata,
    output,
    parameter,
    runner,
    same_input,
)

__all__ = [
    "Action",
    "After",
    "Catalog",
    "Endpoint",
    "FileAxis",
    "Input",
    "MetadataOf",
    "Output",
    "Parameter",
    "ParameterOf",
    "Resources",
    "SameInput",
    "State",
    "Step",
    "complete",
    "deployer",
    "deployment",
    "failed",
    "loom",
    "metadata",
    "output",
    "parameter",
    "runner",
    "same_input",
]
