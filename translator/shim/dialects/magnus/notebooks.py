"""Prepare steps of kind ``notebook``, and store the executed notebook in the catalog."""

from __future__ import annotations

import importlib.util
import json
import posixpath
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from translator.shim.contract import Json, Step

TAG = "magnus_output"
_ENGINE = "ploomber_engine"
_INJECTED = "injected-parameters"


def request(step: Step, folder: Path, items: Mapping[str, Json]) -> dict[str, Any]:
    """Return the part of the request that only notebooks need.

    Args:
        step: the step.
        folder: its working directory.
        items: those of the enclosing maps.

    Raises:
        ValueError: the notebook does not exist, or ploomber-engine is not installed.
    """
    if not (folder / step.command[0]).is_file():
        raise ValueError(f"the notebook {step.command[0]!r} is not in the project")
    if importlib.util.find_spec(_ENGINE) is None:
        raise ValueError(
            "steps of kind notebook need ploomber-engine on the worker: pip install 'pipeline-translator[notebooks]'"
        )
    settings = step.options.get("optional_ploomber_args")
    return {
        "notebook": output(step, items),
        "tag": step.options.get("output_cell_tag") or TAG,
        "settings": dict(settings) if isinstance(settings, Mapping) else {},
    }


def output(step: Step, items: Mapping[str, Json]) -> str:
    """Return the path of the executed notebook: the engines' own, made unique per item of a map."""
    command = posixpath.normpath(step.command[0])
    if step.dialect == "magnus":
        chosen = step.options.get("notebook_output_path")
        plain = "".join(command.split(".")[:-1]) + "_out.ipynb"
        return "_".join([chosen if isinstance(chosen, str) and chosen else plain, *map(str, items.values())])
    tag = "".join(f"{name}_{item}_" for name, item in items.items()) + step.name
    path = PurePosixPath(command)
    return str(path.with_name(f"{path.stem}-{''.join(filter(str.isalnum, tag))}_out.ipynb"))


def publishable(file: Path, hide: Callable[[str], str]) -> None:
    """Remove from an executed notebook what must not be kept, and what would differ each time.

    Values of secrets are masked; the times of cells and the random name of the injected cell are removed.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        cells = document["cells"]
        for cell in cells:
            cell["metadata"].pop("ploomber", None)
            if "id" in cell and _INJECTED in cell["metadata"].get("tags", ()):
                cell["id"] = _INJECTED
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the executed notebook {file.name!r} is not a notebook: {error!r}") from error
    file.write_text(json.dumps(_hidden(document, hide), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _hidden(value: Any, hide: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, list):
        return [_hidden(item, hide) for item in value]
    if isinstance(value, dict):
        return {key: _hidden(item, hide) for key, item in value.items()}
    return value
