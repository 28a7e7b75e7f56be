"""Compare what single steps see and leave in the real engines and in the shim, except deliberate differences.

One pipeline per dialect holds all steps: each continues with the next, whether it is complete or not. Functions that
only show how arguments are bound are called in this process, by what calls them in a step's own.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import translator.shim.dialects.magnus
from tests.notebooks import notebook
from tests.oracle.arguments import COMMON, DIFFERENT, GIVEN, OWN, SAME
from tests.oracle.engines import python_of, started
from translator.shim.contract import Catalog, Context, ExecutionId, Pickle, State, Step
from translator.shim.controlflow import scopes
from translator.shim.execution import execute

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.oracle.engines import Engine

# Importing pydantic takes longer than any of the steps.
MODELS = re.compile(r"\b(BaseModel|Some|Deep|Alias)\b")
TABLES = {*SAME, *OWN, *(name for row in DIFFERENT for name in row.cases)}


@dataclass
class Cases:
    """The steps of one pipeline, its modules, and which of them we run though the engine does not."""

    dialect: str
    modules: dict[str, list[str]] = field(default_factory=lambda: {"steps": [COMMON], "light": ["import os\n"]})
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    better: set[str] = field(default_factory=set)
    notebooks: dict[str, list[tuple[str, list[str]]]] = field(default_factory=dict)

    def function(self, name: str, text: str, *, better: bool = False, **keys: Any) -> None:
        module = "steps" if name in TABLES or MODELS.search(text) else "light"
        self.modules[module].append(text)
        self.steps[name] = {"type": "task", "command": f"{module}.{name}", **keys}
        if better:
            self.better.add(name)

    def shell(self, name: str, command: str, **keys: Any) -> None:
        self.steps[name] = {"type": "task", "command_type": "shell", "command": command, **keys}

    def notebook(self, name: str, *cells: tuple[str, list[str]], **keys: Any) -> None:
        self.notebooks[f"{name}.ipynb"] = list(cells)
        self.steps[name] = {"type": "task", "command_type": "notebook", "command": f"{name}.ipynb", **keys}

    def document(self) -> dict[str, Any]:
        names = list(self.steps)
        after = dict(zip(names, [*names[1:], "success"], strict=True))
        steps = {name: {**step, "next": after[name], "on_failure": after[name]} for name, step in self.steps.items()}
        if self.dialect == "magnus":
            steps |= {"success": {"type": "success"}, "fail": {"type": "fail"}}
        return {"dag": {"start_at": names[0], "steps": steps}}

    def write(self, folder: Path) -> None:
        folder.mkdir()
        for module, texts in self.modules.items():
            (folder / f"{module}.py").write_text("\n".join(texts))
        for name, cells in self.notebooks.items():
            (folder / name).write_text(notebook(cells))


def binding(dialect: str) -> Iterator[tuple[bool, Mapping[str, tuple[str, str]]]]:
    """Return the tables of functions, and whether the dialect's engine fails to call those of each."""
    yield False, SAME
    yield False, OWN
    for row in DIFFERENT:
        yield dialect in row.fails, row.cases


def own_process(cases: Cases) -> None:
    """Add a step that leaves something in its process, and one that fails if it finds that."""
    cases.function("leaves", "here = []\ndef leaves():\n    os.environ['LEFT'] = '1'\n    here.append(1)")
    cases.function("finds", "def finds():\n    assert 'LEFT' not in os.environ and not here", better=True)


def magnus_functions() -> Cases:
    cases = Cases("magnus")
    for better, table in binding("magnus"):
        for name, (arguments, expression) in table.items():
            text = f"class R_{name}(BaseModel):\n    {name}: str\n"
            text += f"def {name}({arguments}): return R_{name}({name}=repr(({expression})))\n"
            cases.function(name, text, better=better)
    return cases


def magnus() -> Cases:
    cases = Cases("magnus")
    cases.function("returns_nothing", "def returns_nothing(): return 0")
    cases.function("returns_a_dict", "def returns_a_dict(): return {'a': 1}")
    cases.function("returns_a_tuple", "def returns_a_tuple(): return 1, 2")
    cases.function("returns_a_class", "def returns_a_class(): return Some")
    cases.function("raises", "def raises():\n    os.environ['MAGNUS_PRM_lost'] = '1'\n    raise ValueError")
    cases.function(
        "nested",
        "class R_n(BaseModel):\n    got: Deep\ndef nested(d: dict): return R_n(got=Deep(a='1', more=d['more']))",
    )
    cases.function(
        "aliased",
        "class R_a(BaseModel):\n    inside: int = Field(serialization_alias='outside')\n"
        "def aliased(): return R_a(inside=1)",
    )
    cases.function(
        "api",
        "class R_api(BaseModel):\n    asked: list\n"
        "def api():\n"
        "    from magnus import get_parameter, set_parameter, track_this, get_run_id\n"
        "    set_parameter(Mixed=[1], some=Some(a=1), fl=1.5)\n"
        "    track_this(loss=1, model=Some(a=2))\n"
        "    track_this(3, loss=2)\n"
        "    assert get_run_id() == os.environ['MAGNUS_RUN_ID']\n"
        "    one = get_parameter('n', str), get_parameter('d', Some).a, get_parameter('mixed')\n"
        "    return R_api(asked=[*one, len(get_parameter()) > 9])",
    )
    cases.function(
        "api_missing", "def api_missing():\n    from magnus import get_parameter\n    get_parameter('no such')"
    )
    cases.function(
        "catalog",
        "def catalog():\n"
        "    from magnus import put_in_catalog, get_from_catalog, put_object, get_object, set_parameter\n"
        "    open('own.txt', 'w').write('1')\n"
        "    put_in_catalog('own.txt')\n"
        "    os.remove('own.txt')\n"
        "    get_from_catalog('own.txt')\n"
        "    put_object({1}, 'kept')\n"
        "    set_parameter(own=open('own.txt').read(), kept=sorted(get_object('kept')))\n"
        "    set_parameter(there=os.path.exists('kept.pickle'))",
    )
    cases.function(
        "catalog_later",
        "class R_l(BaseModel):\n    later: str\ndef catalog_later(): return R_l(later=open('own.txt').read())",
        catalog={"get": ["own.*"]},
    )
    cases.function(
        "catalog_missing", "def catalog_missing():\n    from magnus import get_object\n    get_object('no such')"
    )
    own_process(cases)
    cases.function(
        "environment",
        "def environment():\n"
        "    from magnus import set_parameter\n"
        "    names = ('n', 'd', 'Mixed', 'mixed')\n"
        "    set_parameter(env=[n for n in names if 'MAGNUS_PRM_' + n in os.environ])",
    )
    cases.shell("sh_set", "export MAGNUS_PRM_sh=1 MAGNUS_PRM_sh_text=abc MAGNUS_PRM_sh_list='[1, {\"a\": null}]'")
    cases.shell(
        "sh_seen",
        'test "$MAGNUS_PRM_t" = \'"text"\' && test "$MAGNUS_PRM_z" = null && test "$MAGNUS_PRM_l" = \'[1, "a", null]\'',
    )
    cases.shell("sh_printed", "echo MAGNUS_PRM_printed=2; export MAGNUS_PRM_after=3")
    cases.shell("sh_fails", "export MAGNUS_PRM_sh_lost=1; false")
    cases.shell("sh_exit", "export MAGNUS_PRM_exit=1; exit 0")
    cases.shell("sh_comment", "export MAGNUS_PRM_comment=1 # and no more")
    cases.shell("sh_many_lines", "export MAGNUS_PRM_lines='1\n2'")
    cases.shell("sh_no_set_e", "false\ntrue")
    tag = ["magnus_output"]
    cases.notebook(
        "nb",
        ("n, t = 0, 0", ["parameters"]),
        ("print('noise')\nx = n + 1", []),
        ("print({'nb': x, 'nb_d': d, 'nb_z': z, 'two': 1})", tag),
        ("from magnus import set_parameter; set_parameter(api_two=2, two=5)", []),
        ("print({'three': (1, 2)})", tag),
        ("from IPython.display import display; display({'shown': 1})\nn", tag),
    )
    cases.notebook("nb_list", ("print([1])", tag))
    cases.notebook("nb_raises", ("print({'gone': 1})", tag), ("1 / 0", []))
    cases.notebook(
        "nb_settings",
        ("print({'own_tag': 1})", ["mine"]),
        ("print({'not_mine': 1})", tag),
        ("print({'removed': 1})", ["mine", "x"]),
        output_cell_tag="mine",
        optional_ploomber_args={"remove_tagged_cells": "x"},
        notebook_output_path="elsewhere.ipynb",
    )
    return cases


def one(name: str, **more: Any) -> dict[str, Any]:
    """Return the keys of a step that returns one value."""
    return {"returns": [{"name": name, **more}]}


def runnable_functions() -> Cases:
    cases = Cases("runnable")
    for better, table in binding("runnable"):
        for name, (arguments, expression) in table.items():
            text = f"def {name}({arguments}): return repr(({expression}))\n"
            cases.function(name, text, better=better, **one(name))
    return cases


def runnable() -> Cases:
    cases = Cases("runnable")
    own_process(cases)
    cases.function("ignored", "def ignored(): return 5")
    cases.function("pair", "def pair(): return 1, [2]", returns=[{"name": "p1"}, {"name": "p2"}])
    cases.function("pair_as_one", "def pair_as_one(): return 1, [2]", **one("pair_as_one"))
    cases.function("list_as_one", "def list_as_one(): return [1, 2]", **one("list_as_one"))
    cases.function("too_few", "def too_few(): return 1", returns=[{"name": "tf1"}, {"name": "tf2"}])
    cases.function("nothing_as_one", "def nothing_as_one(): pass", **one("nothing_as_one"))
    cases.function(
        "model_as_json", "def model_as_json(): return Deep(a='1', more=Inner(x=[1]))", **one("model_as_json")
    )
    cases.function("alias_as_json", "def alias_as_json(): return Alias(alias=1)", **one("alias_as_json"))
    cases.function("metric", "def metric(): return 0.5", **one("metric", kind="metric"))
    cases.function("metric_dict", "def metric_dict(): return {'a': 1}", **one("metric_dict", kind="metric"))
    cases.function("gives_object", "def gives_object(): return {3, 1}", **one("o", kind="object"))
    cases.function("takes_object", "def takes_object(o, n: int): return [sorted(o), n]", **one("took"))
    cases.function("takes_object_as", "def takes_object_as(o: list): return type(o).__name__", **one("took_as"))
    cases.function(
        "takes_object_in_rest", "def takes_object_in_rest(**rest): return sorted(rest['o'])", **one("took_rest")
    )
    cases.function(
        "gives_function", "def gives_function():\n    k = 4\n    return lambda x: x + k", **one("fn", kind="object")
    )
    cases.function("takes_function", "def takes_function(fn): return fn(1)", **one("fn_took"))
    cases.function("gives_model", "def gives_model(): return Some(a=8)", **one("mo", kind="object"))
    cases.function("takes_model", "def takes_model(mo: Some): return mo.a", **one("mo_took"))
    cases.function("object_again", "def object_again(): return {5}", **one("o", kind="object"))
    cases.function("object_is_new", "def object_is_new(o): return sorted(o)", **one("o_new"))
    cases.function("becomes_json", "def becomes_json(): return 5", **one("o"))
    cases.function("is_json", "def is_json(o: int): return o", **one("o_json"))
    cases.function(
        "imports",
        "from runnable import Catalog, Pipeline, PythonTask, metric, pickled\n"
        "def imports():\n"
        "    returns = [pickled('a'), metric('b'), 'c']\n"
        "    task = PythonTask(function=raises, name='x', returns=returns, catalog=Catalog(put=['*']))\n"
        "    return task.name, Pipeline(steps=[task]).execute()",
        returns=[{"name": "i1"}, {"name": "i2"}],
    )
    cases.function("raises", "def raises(): raise ValueError", **one("lost"))
    cases.function("secret", "def secret(): return len(os.environ['TOKEN_1'])", secrets=["TOKEN_1"], **one("secret"))
    cases.function("no_secret", "def no_secret(): return 1", secrets=["NO_SUCH_SECRET"], **one("no_secret"))
    cases.function(
        "puts", "def puts(): open('only.txt', 'w').write('1')", catalog={"put": ["only.txt"], "store_copy": False}
    )
    cases.shell(
        "sh",
        "a=1; export b=007 c=x d='{\"k\": [1]}' e=1.50 f=true g=",
        returns=[{"name": f"sh_{x}"} for x in "ab"] + [{"name": x} for x in "bcefg"],
    )
    cases.shell(
        "sh_seen", 'test "$t" = text && test "$z" = null && test "$f" = true && test -z "$o" && test -z "$HOME"'
    )
    cases.shell("sh_secret", "export sh_len=${#TOKEN_2}", secrets=["TOKEN_2"], **one("sh_len"))
    cases.shell("sh_metric", "export m=5", **one("m", kind="metric"))
    cases.shell("sh_fails", "export sh_lost=1; exit 3", **one("sh_lost"))
    cases.shell("sh_exit", "export sh_gone=1; exit 0", **one("sh_gone"))
    cases.notebook(
        "nb",
        ("n = 0", ["parameters"]),
        ("x = n + 1\nq = {4}\nprint(x)", []),
        ("import os\nnbs = [len(os.environ['TOKEN_3']), 'fn' in globals()]", []),
        returns=[{"name": "x"}, {"name": "q", "kind": "object"}, {"name": "nbs"}],
        secrets=["TOKEN_3"],
    )
    cases.function("takes_of_notebook", "def takes_of_notebook(q, x): return [sorted(q), x]", **one("of_nb"))
    cases.notebook("nb_missing", ("x = 1", []), **one("nowhere_in_it"))
    cases.notebook("nb_raises", ("y = 1", []), ("1 / 0", []), **one("y"))
    return cases


ALL = {"magnus": (magnus_functions, magnus), "runnable": (runnable_functions, runnable)}


def ours(cases: Cases, project: Path, store: Path) -> tuple[dict[str, str], dict[str, Any], dict[str, Any], list[str]]:
    """Run each step by the shim, one after the other: states, parameters, reasons, files of the catalog."""
    scope = scopes.initial(cases.dialect, GIVEN, {})
    states, reasons = {}, {}
    for name, step in cases.steps.items():
        if name in TABLES:
            written, reasons[name] = called(cases.dialect, name, scope.parameters)
            states[name] = "FAIL" if reasons[name] else "SUCCESS"
            scope = scopes.after(scope, written, {})
            continue
        catalog = step.get("catalog", {})
        asked = Step(
            name,
            [step["command"]],
            dialect=cases.dialect,
            kind=step.get("command_type", "python"),
            returns={one["name"]: one.get("kind", "json") for one in step.get("returns", ())},
            secrets=step.get("secrets", ()),
            catalog=Catalog(catalog.get("get", ()), catalog.get("put", ()), catalog.get("store_copy", True)),
            options={
                key: step[key]
                for key in ("output_cell_tag", "notebook_output_path", "optional_ploomber_args")
                if key in step
            },
        )
        context = Context(ExecutionId("p", "r", name), str(store), project, "airflow", str)
        manifest = execute(asked, context, scope=scope)
        states[name] = "SUCCESS" if manifest.state is State.COMPLETE else "FAIL"
        reasons[name] = manifest.reason
        scope = manifest.scope
    return states, scope.parameters, reasons, sorted(scope.catalog)


def called(dialect: str, name: str, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Call a function of the modules as its step would; gives what it leaves, or what it fails with."""
    call = importlib.import_module("call")
    request = {
        "dialect": dialect,
        "command": f"steps.{name}",
        "parameters": parameters,
        "items": {},
        "objects": {},
        "returns": {name: "json"},
    }
    try:
        result = call.called(request)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the step's error
        return {}, repr(error)
    left = os.environ.pop(f"MAGNUS_PRM_{name}", None)
    return (result["written"] if left is None else {name: json.loads(left)}), None


@pytest.fixture
def imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Remove modules of the tests' steps, and those that call them, afterwards."""
    monkeypatch.syspath_prepend(Path(translator.shim.dialects.magnus.__file__).parent / "child")
    yield monkeypatch
    for name in ("call", "_pipeline_step", "steps", "light"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("dialect", ALL)
def test_each_step_sees_and_publishes_the_same(dialect: str, tmp_path: Path, imports: pytest.MonkeyPatch) -> None:
    assert python_of(dialect).exists(), "make sets up the environments of the engines"
    for number in "123":  # runnable takes a secret away from the environment when it has been used
        imports.setenv(f"TOKEN_{number}", "abcde")
    with started(dialect, tmp_path) as engine:
        for number, made in enumerate(ALL[dialect]):
            folder = tmp_path / str(number)
            folder.mkdir()
            with imports.context() as here:
                here.syspath_prepend(folder / "ours")
                compare(made(), engine, folder)


def compare(cases: Cases, engine: Engine, folder: Path) -> None:
    cases.write(folder / "theirs")
    cases.write(folder / "ours")
    file = folder / "theirs" / "pipeline.yaml"
    file.write_text(json.dumps(cases.document()))
    log = engine.run(file, GIVEN)
    assert log.status == "SUCCESS", engine.log.read_text()[-3000:]
    states, parameters, reasons, catalog = ours(cases, folder / "ours", folder / "store")

    different = {name for name in cases.steps if states[name] != log.steps[name]}
    assert different == cases.better, {name: (log.steps[name], reasons[name]) for name in different ^ cases.better}
    assert {states[name] for name in cases.better} <= {"SUCCESS"}
    objects = {name for name, value in parameters.items() if isinstance(value, Pickle)}
    mine = {name: value for name, value in parameters.items() if name not in {*cases.better, *objects}}
    assert {name: value for name, value in log.parameters.items() if name not in objects} == mine
    assert all(log.parameters[name] == name for name in objects)
    theirs = {
        str(path.relative_to(place))
        for place in (folder / "theirs" / ".catalog").glob("*")
        for path in place.rglob("*")
    }
    assert sorted(name for name in theirs if not name.endswith(".execution.log")) == catalog
