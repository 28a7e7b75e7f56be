"""Test that no file causes a traceback, and that a file that Loom cannot read is an error."""

import copy
import json
import random
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dialects.loom.marks import found
from tests.dialects.loom.test_findings import CASES
from tests.dialects.valohai.test_hostile import MUTATIONS, ODD_VALUES, mutate, paths
from translator import diagnostics
from translator.dialects import ChoiceError
from translator.dialects.loom.choices import LoomChoices
from translator.load import load, load_text

GOOD = (Path(__file__).parents[2] / "fuzz" / "files" / "loom.yaml").read_text(encoding="utf-8")
TREE = yaml.safe_load(GOOD)
PATHS = [path for path in paths(TREE) if path]
LOOM = Path(__file__).parents[3] / ".venv" / "loom" / "bin" / "python"


def test_the_file_to_mutate_is_good():
    assert found(load_text(GOOD)) == [(22, "note disabled-step")]
    assert len(PATHS) > 80


@settings(max_examples=50)
@given(
    st.builds(
        LoomChoices,
        steps=st.lists(st.sampled_from(["shrink", "turns", "fit", "", "way", "old", "\0"]), max_size=2).map(tuple),
        include=st.sampled_from([(), ("use",), ("ues",), ("",)]),
        parameters=st.lists(st.sampled_from(["size=", "size", "=1", "rate=x", "deep=1.", "x=\0"]), max_size=2).map(
            tuple
        ),
        data=st.lists(
            st.sampled_from(["raw=", "raw=..", "raw=/", "done=a\0b", "best=${X", "=", "page=x"]), max_size=2
        ).map(tuple),
        extra=st.sampled_from([None, "", " ", "'", "--x"]),
    )
)
def test_odd_choices(choices):
    try:
        loaded = load_text(GOOD, "pipe.yml", choices=choices)
    except ChoiceError as error:
        assert str(error)
    else:
        diagnostics.text(loaded.diagnostics, loaded.sources)


PROGRAM = """
import json, pathlib, sys, tempfile
from loom.runner.config import PipelineConfig

file = pathlib.Path(tempfile.mkdtemp()) / "pipe.yml"
for line in sys.stdin:
    file.write_text(json.loads(line), encoding="utf-8", errors="surrogatepass")
    try:
        PipelineConfig.from_yaml(file)
    except Exception as error:
        print(json.dumps(f"{type(error).__name__}: {error}"))
    else:
        print("null")
"""


def mutants(number: int) -> list[str]:
    """Return files with one or two changes; always the same ones."""
    drawn = random.Random(3)  # noqa: S311 - for tests
    texts = []
    for _ in range(number):
        tree = copy.deepcopy(TREE)
        for _ in range(drawn.randint(1, 2)):
            mutate(tree, drawn.choice(PATHS), drawn.choice(ODD_VALUES), drawn.choice(MUTATIONS))
        texts.append(yaml.dump(tree, sort_keys=False))
    return texts


@pytest.mark.skipif(not LOOM.exists(), reason="Loom is not installed: make .venv/loom/.engine")
def test_what_loom_cannot_read_is_an_error():
    texts = [*CASES.values(), *mutants(150)]
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run([LOOM, "-c", PROGRAM], input=lines, capture_output=True, text=True, check=True)
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(verdicts) == len(texts)
    # An empty section is none here; Loom ends in an exception where nothing is below a key.
    pairs = zip(texts, verdicts, strict=True)
    rejected = [(text, why) for text, why in pairs if why is not None and "'NoneType' object" not in why]
    assert len(rejected) > 50
    accepted = [(why, text) for text, why in rejected if load_text(text, "pipe.yml", dialect="loom").diagnostics.ok]
    assert not accepted, "\n".join(f"{why}\n{text}" for why, text in accepted[:5])


def test_a_file_without_steps_is_still_a_loom_file():
    """A Loom pipeline was named as a tool that is not translated; now it is translated."""
    loaded = load_text("data: {}\npipeline: []", "pipe.yml")
    assert [(pipeline.dialect, pipeline.nodes) for pipeline in loaded.pipelines] == [("loom", ())]
    assert [d.code for d in loaded.diagnostics] == ["no-nodes"]


SCRIPTS = ["../gone.py", "/dev/zero", "a\0b", "~/s.py", "x" * 5000, ".", "${X}", "-c", "\ud7ff"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_odd_scripts(tmp_path: Path, script: str):
    file = tmp_path / "pipe.yml"
    file.write_text(f"pipeline: [{{name: s, task: {json.dumps(script)}}}]", encoding="utf-8")
    loaded = load(file)
    diagnostics.text(loaded.diagnostics, loaded.sources)
    assert loaded.diagnostics.ok == ("$" in script)


def test_a_script_with_a_hostile_docstring(tmp_path: Path):
    (tmp_path / "s.py").write_text(
        '"""\n---\n' + "a: &a [*a, *a]\n" + "inputs: !!python/object:os.system {}\n" + '---\n"""'
    )
    (tmp_path / "pipe.yml").write_text("pipeline: [{name: s, task: s.py}]")
    assert load(tmp_path / "pipe.yml").diagnostics.ok


def test_deep_nesting_of_data():
    data = {f"d{n}": {"path": "x", "nested_in": f"$d{n - 1}"} for n in range(1, 1000)} | {"d0": {"path": "x"}}
    text = json.dumps({"data": data, "pipeline": [{"name": "s", "task": "s.py", "inputs": {"i": "$d999"}}]})
    (node,) = load_text(text, dialect="loom").choose().nodes
    assert len(node.step.inputs[0].default[0]) == 2 * 1000 - 1
