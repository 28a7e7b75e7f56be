"""Test ``translator.toml``: which file counts, what is wrong with one, and which settings count for a node."""

from __future__ import annotations

import json
import re
import tomllib
from functools import reduce
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translator import diagnostics, registry
from translator.config.keys import LEVELS as LEVELS_OF_FILES
from translator.config.keys import Section, TargetKeys
from translator.config.kinds import (
    Data,
    Duration,
    Flag,
    Hook,
    Kind,
    Number,
    Prose,
    PythonObject,
    Table,
    Text,
    Texts,
    Whole,
)
from translator.config.resolve import resolve
from translator.config.schema import json_schema, scope_section
from translator.diagnostics import Diagnostics
from translator.load import Loaded, load
from translator.source import Located, parse_toml

PIPELINE = """\
- step: {name: prepare, image: i, command: "true"}
- step: {name: train, image: i, environment: aws-eu-g4dn, command: "true"}
- pipeline:
    name: Two
    nodes:
      - {name: prepare, type: execution, step: prepare}
      - {name: fit, type: execution, step: train}
    edges: []
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inner = tmp_path / "repository" / "pipelines"
    inner.mkdir(parents=True)
    (inner / "valohai.yaml").write_text(PIPELINE)
    return inner


def loaded(folder: Path, text: str | None = None) -> Loaded:
    if text is not None:
        (folder / "translator.toml").write_text(text)
    return load(folder / "valohai.yaml")


def queues(found: Loaded) -> dict[str, Any]:
    (pipeline,) = found.pipelines
    return {
        node.name: {**pipeline.settings.get("airflow", {}), **node.settings.get("airflow", {})}.get("queue")
        for node in pipeline.nodes
    }


def errors(found: Loaded) -> list[str]:
    return [str(one) for one in found.diagnostics if one.severity == "error"]


# Which file counts.


def test_without_a_file_nothing_is_set(folder: Path) -> None:
    assert queues(loaded(folder)) == {"prepare": None, "fit": None}


def test_the_nearest_file_counts_alone(folder: Path) -> None:
    (folder.parent / "translator.toml").write_text('[defaults.airflow]\nqueue = "above"\n')
    assert queues(loaded(folder)) == {"prepare": "above", "fit": "above"}
    assert queues(loaded(folder, '[nodes.fit.airflow]\nqueue = "near"\n')) == {"prepare": None, "fit": "near"}


def test_a_table_of_pyproject_counts(folder: Path) -> None:
    project = folder.parent / "pyproject.toml"
    project.write_text('[tool.pipeline-translator.defaults.airflow]\nqueue = "project"\n')
    (folder / "pyproject.toml").write_text('[project]\nname = "without-our-table"\n')
    found = loaded(folder)
    assert queues(found) == {"prepare": "project", "fit": "project"}
    (pipeline,) = found.pipelines
    setting = resolve(found.config, pipeline).pipeline["airflow", "queue"]
    assert (setting.span.place, setting.level) == ("pyproject.toml:2", "tool.pipeline-translator.defaults")
    (folder.parent / "translator.toml").write_text("")
    assert queues(loaded(folder)) == {"prepare": None, "fit": None}


@pytest.mark.parametrize("text", ["[tool.poetry\n", "\xff", "[tool]\nother = 'pipeline-translator'\n"])
def test_a_pyproject_that_is_not_for_us_is_passed_over(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_bytes(text.encode("latin-1"))
    found = loaded(folder)
    assert not errors(found)
    assert not found.config.file


def test_a_file_can_be_chosen(folder: Path) -> None:
    other = folder / "other.toml"
    other.write_text('[defaults.airflow]\nqueue = "other"\n')
    (folder / "translator.toml").write_text('[defaults.airflow]\nqueue = "near"\n')
    assert queues(load(folder / "valohai.yaml", config=other)) == {"prepare": "other", "fit": "other"}
    missing = load(folder / "valohai.yaml", config=folder / "missing.toml")
    assert errors(missing) == [f"error[missing-file]: file {folder}/missing.toml does not exist"]


# What is wrong with a file.

WRONG = """\
[defalts.airflow]
[airflow]
[defaults.airflow]
queu = "gpu"
pool_slots = "3"
execution_timeout = "soon"
on_failure_callback = ["a b", {text="x"}, "os.class.x", {call="a.b", "x y"=1}]
weight_rule = "upstraem"
owner = ""
executor_config = {at = 1979-05-27, most = inf}
retries = true
[steps.train.airflow.dag]
[nodes]
fit = 3
[pipelines.Two]
nodes = 4
"""


EXPECTED = """\
1:2 unknown key 'defalts' in translator.toml
2:2 unknown key 'airflow' in translator.toml
4:1 unknown key 'queu' in 'airflow' of [defaults]
5:14 'airflow.pool_slots' must be an integer from 1, not '3'
6:21 'airflow.execution_timeout' must be a number of seconds, or a string such as "1h 30m", not 'soon'
7:24 'airflow.on_failure_callback[0]' is 'a b', which is not a dotted Python name
7:31 'airflow.on_failure_callback[1]' must be HOOK, not a table
7:43 'airflow.on_failure_callback[2]' is 'os.class.x', but 'class' is a keyword of Python
7:70 'x y' is not a valid argument name
8:15 'airflow.weight_rule' cannot be 'upstraem'
9:9 'airflow.owner' must be a string, not an empty string
10:25 'airflow.executor_config.at' is a date or a time, which JSON cannot represent
10:44 'airflow.executor_config.most' must be a finite number, not inf
11:11 'airflow.retries' must be an integer from 0 to 100, not true
12:22 unknown key 'dag' in 'airflow' of [steps.train]
14:7 'nodes.fit' must be a table
16:9 'pipelines.Two.nodes' must be a table
""".replace("HOOK", Hook.description).splitlines()


def test_everything_wrong_is_reported_at_once_with_its_place(folder: Path) -> None:
    found = loaded(folder, WRONG)
    assert found.pipelines == ()
    assert [
        f"{one.span.line}:{one.span.column} {one.message}" for one in found.diagnostics if one.severity == "error"
    ] == EXPECTED
    shown = diagnostics.text(found.diagnostics, found.sources)
    assert "did you mean 'queue'?" in shown
    assert "= write [defaults.airflow]" in shown
    assert "it goes into [defaults] or [pipelines.NAME]" in shown
    assert '    5 | pool_slots = "3"\n      |              ^^^\n' in shown
    assert f"{folder}/translator.toml:5:14" in shown


def test_what_is_not_toml_is_reported(folder: Path) -> None:
    assert errors(loaded(folder, "[defaults\n")) == [
        "translator.toml:1:10: error[not-toml]: not valid TOML: Expected ']' at the end of a table declaration"
    ]


# Which setting counts.

LEVELS = """\
[defaults.airflow]
queue = "defaults"
[pipelines."T*".airflow]
queue = "pipeline"
[environments."aws-*".airflow]
queue = "environment"
[steps.train.airflow]
queue = "step"
[nodes.fit.airflow]
queue = "node"
[pipelines.Two.nodes.fit.airflow]
queue = "node of pipeline"
"""


def test_the_more_special_table_wins(folder: Path) -> None:
    lines = LEVELS.splitlines(keepends=True)
    tables = ["".join(lines[place : place + 2]) for place in range(0, len(lines), 2)]
    expected = ["defaults", "pipeline", "environment", "step", "node", "node of pipeline"]
    for count in range(1, len(tables) + 1):
        # In whatever order the file has them.
        for text in ("".join(tables[:count]), "".join(reversed(tables[:count]))):
            assert queues(loaded(folder, text))["fit"] == expected[count - 1]
    assert queues(loaded(folder, LEVELS)) == {"prepare": "pipeline", "fit": "node of pipeline"}


def test_a_name_is_stronger_than_a_glob_and_a_later_glob_than_an_earlier(folder: Path) -> None:
    text = '[steps."tr*".airflow]\nqueue = "1"\n[steps."t*".airflow]\nqueue = "2"\n'
    assert queues(loaded(folder, text))["fit"] == "2"
    assert queues(loaded(folder, f'[steps.train.airflow]\nqueue = "0"\n{text}'))["fit"] == "0"


@pytest.mark.parametrize(
    ("table", "meant"),
    [
        ("steps.trian", "did you mean 'train'?"),
        ("nodes.fitt", "did you mean 'fit'?"),
        ("pipelines.Towo", "did you mean 'Two'?"),
        ("pipelines.Two.nodes.prepar", "did you mean 'prepare'?"),
        ('environments."aws-eu-g4"', "did you mean 'aws-eu-g4dn'?"),
        ("steps.other_step_of_another_file", None),
        ("nodes.fit", None),
    ],
)
def test_a_table_for_a_misspelt_name_is_reported(folder: Path, table: str, meant: str | None) -> None:
    found = loaded(folder, f'[{table}.airflow]\nqueue = "x"\n[environments."aws*"]\n')
    warnings = [one.hint for one in found.diagnostics if one.code == "unused-setting"]
    assert warnings == ([meant] if meant else [])


def test_tables_are_merged_key_by_key(folder: Path) -> None:
    text = '[defaults.airflow]\nowner = "all"\nqueue = "q"\nexecutor_config = {a = 1}\n'
    more = '[steps.train.airflow]\nqueue = "gpu"\nexecutor_config = {b = 2}\n'
    (pipeline,) = loaded(folder, text + more).pipelines
    fit = pipeline.nodes[1]
    assert pipeline.settings["airflow"] == {"owner": "all", "queue": "q", "executor_config": {"a": 1}}
    assert fit.settings["airflow"] == {"queue": "gpu", "executor_config": {"b": 2}}  # type: ignore[union-attr]


def test_nodes_in_branches_have_settings(tmp_path: Path) -> None:
    case = Path(__file__).parents[1] / "goldens" / "cases" / "magnus" / "nested.yaml"
    file = tmp_path / "nested.yaml"
    file.write_text(case.read_text())
    (tmp_path / "translator.toml").write_text('[nodes."*".airflow]\nqueue = "leaf"\n')
    found = load(file)
    (pipeline,) = found.pipelines
    nodes = resolve(found.config, pipeline).nodes
    assert len(nodes) > 5
    assert {settings["airflow", "queue"].value for settings in nodes.values()} == {"leaf"}
    written = registry.target("airflow").generate(pipeline)
    assert written.count('queue="leaf"') == len(nodes)


@pytest.mark.parametrize(
    ("key", "value", "column", "problem"),
    [
        ("prefect.task_runner", '{ call = "company.Runner", __debug__ = 1 }', 42, "'__debug__' is not a valid"),
        ("prefect.task_runner", '"company.__debug__"', 15, "'__debug__' is a keyword"),
        ("prefect.task_runner", '"__future__.braces"', 15, "'__future__' has no objects"),
        ("airflow.on_failure_callback", '"__future__.x"', 23, "'__future__' has no objects"),
    ],
)
def test_names_that_python_reserves(folder: Path, key: str, value: str, column: int, problem: str) -> None:
    """They would be a syntax error in the generated file."""
    target, name = key.split(".")
    (found,) = errors(loaded(folder, f"[defaults.{target}]\n{name} = {value}\n"))
    assert found.startswith(f"translator.toml:2:{column}: error[bad-setting]: ")
    assert problem in found


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ('api_key = "hunter2-secret"', ["api_key"]),
        ('extra = { auth = [{ db_password = "hunter2" }] }, token = ["hunter2"]', ["db_password", "token"]),
        ('credentials = { user = "me" }', ["credentials"]),
        ('max_tokens = 5, use_token = true, password = "", author = "me", keys = ["a"]', []),
    ],
)
@pytest.mark.parametrize("setting", ["prefect]\ntask_runner = ", "airflow]\non_failure_callback = "])
def test_secrets_are_refused_as_arguments(folder: Path, setting: str, arguments: str, names: list[str]) -> None:
    """The generated file would show them."""
    found = errors(loaded(folder, f'[defaults.{setting}{{ call = "company.Runner", {arguments} }}\n'))
    assert len(found) == len(names)
    for one, name in zip(found, names, strict=True):
        assert one.startswith("translator.toml:2:")
        assert "error[bad-setting]" in one
        assert f"{name!r} is probably a secret" in one
        assert "hunter2" not in one


# The JSON Schema says the same.

KINDS: list[Kind] = [
    *(Text(), Text(("one", "two")), Text(pattern="^[a-z]+$"), Prose(), Whole(1), Whole(0, 3), Number(), Flag()),
    *(Duration(), Texts(), Data(), Hook(), PythonObject(), Table(Whole(1), "some")),
]
TEXTS = st.sampled_from(
    [
        *("", " ", "one", "two", "abc", "a.b", "a.b.c", "A b", "1h", "1h 30m", "90", "1.5 d", "-1s", "x=1"),
        *("os.class", "class.x", "os.classes", "a.__debug__", "__future__.braces", "__future__s.x", "a.__future__"),
    ]
)
LEAVES = st.one_of(TEXTS, st.integers(-2, 5), st.booleans(), st.sampled_from([0.5, 1.0, -1.5, 1e12]))
KEYS = st.sampled_from(["call", "one", "x y", "count", "class", "classes", "__debug__"])
SMALL = st.dictionaries(KEYS, LEAVES, max_size=2)
VALUES = st.one_of(LEAVES, st.lists(LEAVES | SMALL, max_size=2), SMALL)


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


@given(st.sampled_from(KINDS), VALUES)
def test_schema_and_validation_agree(kind: Kind, value: Any) -> None:
    root = parse_toml(f"x = {toml(value)}", "t.toml", Diagnostics())
    assert root is not None
    located = root.get("x")
    assert isinstance(located, Located)
    found = Diagnostics()
    kind.read(located, "x", found)
    valid = jsonschema.Draft202012Validator(kind.schema).is_valid(tomllib.loads(f"x = {toml(value)}")["x"])
    assert found.ok == valid, (list(found), kind.schema)


def test_the_schema_takes_what_the_reader_takes(folder: Path) -> None:
    keys: dict[str, TargetKeys] = {target.NAME: target.SETTINGS for target in registry.targets()}
    validator = jsonschema.Draft202012Validator(json_schema(keys))
    validator.check_schema(validator.schema)
    case = (Path(__file__).parents[1] / "goldens" / "cases" / "settings" / "translator.toml").read_text()
    for text in (LEVELS, case):
        assert not list(validator.iter_errors(tomllib.loads(text)))
        assert not errors(loaded(folder, text))
    faults = list(validator.iter_errors(tomllib.loads(WRONG)))
    assert len(faults) >= 10


def test_the_schema_defines_once_what_many_keys_have() -> None:
    """Editors load all of it, from wherever it is published."""
    seen: list[str] = []

    def collect(schema: Any) -> None:
        if isinstance(schema, dict) and len(text := json.dumps(schema)) > 500:
            seen.append(text)
        for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
            collect(part)

    collect(json_schema({target.NAME: target.SETTINGS for target in registry.targets()}))
    assert len(seen) == len(set(seen))


PAGES = Path(__file__).parents[2] / "docs"
BLOCKS = [
    block
    for page in ("configuration.md", "deploying.md")
    for block in re.findall(r"^```toml\n(.*?)^```$", (PAGES / page).read_text(), re.DOTALL | re.MULTILINE)
]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_documentation_shows_valid_files(folder: Path, block: str) -> None:
    document = tomllib.loads(block)
    tool = document.get("tool", {}).get("pipeline-translator")
    (folder / ("translator.toml" if tool is None else "pyproject.toml")).write_text(block)
    found = loaded(folder)
    assert found.config.file
    assert not errors(found)
    keys: dict[str, TargetKeys] = {target.NAME: target.SETTINGS for target in registry.targets()}
    jsonschema.validate(document if tool is None else tool, json_schema(keys))


def test_the_complete_example_has_every_level_and_uses_every_table(folder: Path) -> None:
    document = tomllib.loads(BLOCKS[0])
    assert set(document) == {*LEVELS_OF_FILES, "catalogue"} - {"nodes"}  # the example has nodes of a pipeline
    (pipeline,) = document["pipelines"].values()
    named = [one for level in document if level not in {"defaults", "catalogue"} for one in document[level].values()]
    used = [document["defaults"], pipeline, *pipeline["nodes"].values(), *named]
    keys = {target.NAME: target.SETTINGS for target in registry.targets() if target.NAME in {"airflow", "prefect"}}
    unused: list[str] = []

    def look(section: Section, path: tuple[str, ...]) -> None:
        tables = [table for one in used for table in [reduce(lambda at, key: at.get(key, {}), path, one)] if table]
        if not any(set(table) & {key.name for key in section.keys} for table in tables):
            unused.append(".".join(path))
        for name, table in section.tables.items():
            look(table, (*path, name))

    look(scope_section(keys, whole=True), ())
    assert unused == []
    general = {key for one in used for key in one}
    assert general >= set(scope_section({}, whole=True).names)


# Addresses of inputs.

ADDRESSED = "[defaults.airflow.dag.input_connections]\n{} = 'x'\n[defaults.prefect.flow.input_blocks]\n{} = 'x'\n"


@pytest.mark.parametrize(
    ("address", "is_valid"),
    [
        ("s3://", True),
        ("s3://bucket", True),
        ("gs://bucket/folder/", True),
        ("abfs://container@account.dfs.core.windows.net/", True),
        ("azure://account/container/", True),
        ("https://host", True),
        ("https://host:8443/path/", True),
        ("sftp://host/", True),
        ("abfs://", True),
        ("azure://", False),
        ("adl://", False),
        ("swift://", False),
        ("s3:///data", False),
        ("https://", False),
        ("https://user@host/", False),
        ("https://user:password@host/", False),
        ("https://host/?token=x", False),
        ("s3://key:secret@bucket/", False),
        ("file:///data", False),
        ("dataset://images/", False),
        ("data/", False),
    ],
)
def test_addresses_of_credentials(folder: Path, address: str, is_valid: bool) -> None:
    text = ADDRESSED.format(json.dumps(address), json.dumps(address))
    found = errors(loaded(folder, text))
    assert bool(found) is not is_valid
    assert all("is not the start of an address, such as" in one for one in found)
    assert [one.partition(":")[2].partition(":")[0] for one in found] == ([] if is_valid else ["2", "4"])
    schema = json_schema({target.NAME: target.SETTINGS for target in registry.targets()})
    assert jsonschema.Draft202012Validator(schema).is_valid(tomllib.loads(text)) is is_valid


def test_connections_of_a_pipeline_are_merged_address_by_address(folder: Path) -> None:
    text = ADDRESSED.format('"s3://a"', '"s3://a"')
    (pipeline,) = loaded(folder, f"{text}[pipelines.Two.airflow.dag.input_connections]\n's3://b' = 'y'\n").pipelines
    assert pipeline.workflow["airflow"]["input_connections"] == {"s3://a": "x", "s3://b": "y"}
    written = registry.target("airflow").generate(pipeline)
    assert '"input_connections": {"s3://a": "x", "s3://b": "y"},' in written
    assert 'input_blocks={"s3://a": "x"}' in registry.target("prefect").generate(pipeline)


def test_pipelines_without_addresses_name_no_connections(tmp_path: Path) -> None:
    (tmp_path / "simple.yaml").write_text((Path(__file__).parents[1] / "goldens/cases/magnus/nested.yaml").read_text())
    (tmp_path / "translator.toml").write_text(ADDRESSED.format('"s3://a"', '"s3://a"'))
    pipeline = load(tmp_path / "simple.yaml").choose()
    for name in ("airflow", "prefect"):
        assert "s3://a" not in registry.target(name).generate(pipeline)
