"""Run Loom's own work as a command: evaluate a condition, or collect the last iteration's files.

Runs as a program, by any Python 3.8 or newer, and imports nothing of ours. Its argument is a JSON file.
"""

# mypy: ignore-errors
# No annotations, because old versions of Python could fail on them.
import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path

_COMPARE = {
    "==": lambda a, b: a == b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}  # fmt: skip


def _exists(data, **_):
    return Path(str(data)).exists()


def _is_file(data, **_):
    return Path(str(data)).is_file()


def _is_dir(data, **_):
    return Path(str(data)).is_dir()


def _non_empty(data, **_):
    path = Path(str(data))
    if path.is_dir():
        return next(path.iterdir(), None) is not None
    return path.is_file() and path.stat().st_size > 0


def _count(data, pattern="*", op=">=", n=1, **_):
    path = Path(str(data))
    if not path.exists():
        return False
    if str(op) not in _COMPARE:
        raise ValueError(f"unknown count operator {op!r}")
    return _COMPARE[str(op)](float(1 if path.is_file() else len(list(path.glob(pattern)))), float(n))


def _param(data, **_):
    if isinstance(data, str):
        return data.strip().lower() not in ("", "0", "false", "no", "off", "none", "null")
    return bool(data)


_PREDICATES = {
    "exists": _exists,
    "is_file": _is_file,
    "is_dir": _is_dir,
    "non_empty": _non_empty,
    "count": _count,
    "param": _param,
}


def _of_script(path):
    spec = importlib.util.spec_from_file_location(f"loom_condition_{Path(path).stem}", path)
    if spec is None or spec.loader is None or not Path(path).exists():
        raise FileNotFoundError(f"condition script not found: {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "evaluate"):
        raise AttributeError(f"condition script {path} has no function evaluate()")
    return module.evaluate


def evaluate(task):
    """Write the verdict of a condition."""
    predicate = task["predicate"]
    if predicate is not None and predicate not in _PREDICATES:
        raise ValueError(f"unknown condition predicate {predicate!r}; known are {', '.join(sorted(_PREDICATES))}")
    function = _PREDICATES[predicate] if predicate is not None else _of_script(task["script"])
    result = bool(function(**task["arguments"])) is not task["negate"]
    print(f"the condition is {str(result).lower()}")  # noqa: T201 - for the log
    Path(task["verdict"]).write_text(json.dumps(result), encoding="utf-8")


def collect(task):
    """Copy files and whole directories, and overwrite existing ones."""
    for source, target in ((Path(source), Path(target)) for source, target in task["copies"]):
        if not source.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        elif target.exists() or target.is_symlink():
            target.unlink()
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, target)


if __name__ == "__main__":
    # Import modules from the working directory, not from here.
    sys.path[0] = os.getcwd()  # noqa: PTH109 - any Python
    todo = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    {"evaluate": evaluate, "collect": collect}[todo["task"]](todo)
