"""Test that files, modules and functions that are missing are reported at the text that names them."""

import os
from pathlib import Path

import pytest

from translator.load import load

VALOHAI = """\
- step:
    name: s
    image: i
    command:
{lines}
    parameters: [{{name: rate, type: float, default: 1}}]
- pipeline: {{name: P, nodes: [{{name: n, type: execution, step: s}}], edges: []}}
"""
MAGNUS = """\
dag:
  start_at: a
  steps:
    a: {{type: task, command: {command}, next: success}}
    success: {{type: success}}
    fail: {{type: fail}}
"""
FUNCTIONS = """\
from os.path import join as joined
import collections
LAMBDA = lambda: 1
if True:
    def conditional(): ...
async def later(): ...
class Model: ...
def fit(): ...
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    folder = tmp_path / "project"
    files = {
        "requirements.txt": "",
        "there.py": "",
        "steps.py": FUNCTIONS,
        "stars.py": "from os.path import *\n",
        "lazy.py": "def __getattr__(name): ...\n",
        "broken.py": "def (",
        "pack/__init__.py": "",
        "pack/inner.py": "def f(): ...\n",
        "tool/__main__.py": "",
        "notebook.ipynb": "{}",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def found(project: Path, text: str) -> list[tuple[str, str, str | None]]:
    """Return the code, the text at the place, and the hint of each finding."""
    file = project / "pipeline.yaml"
    file.write_text(text)
    lines = text.splitlines()
    return [
        (d.code, lines[d.span.line - 1][d.span.column - 1 : d.span.end_column - 1] if d.span else "", d.hint)
        for d in load(file, ignore=["ignored-image"]).diagnostics
    ]


COMMANDS = [
    ("pip install -r requirements.txt", []),
    ("pip install -r req.txt && python there.py", [("missing-file", "req.txt")]),
    ("pip install --requirement=req.txt", [("missing-file", "req.txt")]),
    ("uv pip install -rreq.txt", [("missing-file", "req.txt")]),
    ("pip install -c constraints.txt x", [("missing-file", "constraints.txt")]),
    ("pip install -r https://x/req.txt -r $FILE -r /etc/req.txt", []),
    ("python there.py -r gone.txt", []),
    ("cp a req.txt; pip install -r req.txt", []),
    ("python gone.py {parameters}", [("missing-script", "gone.py")]),
    ("python3 -m pip install x", []),
    ("python -m pack.inner", []),
    ("python -m tool", []),
    ("python -m pack.gone", [("missing-module", "pack.gone")]),
    ("python -m torch.distributed.launch there.py", []),
    ("echo {parameter}", [("unknown-placeholder", "echo {parameter}")]),
    ("echo {paramters}", [("unknown-placeholder", "echo {paramters}")]),
    ("echo {parameters} {parameter:rate} ${parameter} {name} {{parameter}}", []),
]


@pytest.mark.parametrize(("command", "expected"), COMMANDS)
@pytest.mark.parametrize("style", ["item", "block", "folded"])
def test_commands(project, command, expected, style):
    lines = {
        "item": f"      - {command}",
        "block": f"      - |\n        date\n        {command}",
        "folded": f"      - >-\n        {command}",
    }[style]
    result = [(code, text) for code, text, _ in found(project, VALOHAI.format(lines=lines))]
    if style == "item" or not expected or expected[0][0] != "unknown-placeholder":
        assert result == expected
    else:
        assert [code for code, _ in result] == ["unknown-placeholder"]


CALLS = [
    ("steps.fit", []),
    ("pack.inner.f", []),
    ("steps.joined", []),
    ("steps.collections", []),
    ("steps.LAMBDA", []),
    ("steps.conditional", []),
    ("steps.later", []),
    ("steps.Model", []),
    ("stars.anything", []),
    ("lazy.anything", []),
    ("broken.anything", []),
    ("json.dumps", []),
    ("os.path.join", []),
    ("steps.fti", [("missing-function", "fti", "did you mean 'fit'?")]),
    ("stesp.fit", [("missing-module", "stesp", None)]),
    ("pack.gone.f", [("missing-module", "pack.gone", None)]),
]


@pytest.mark.parametrize(("command", "expected"), CALLS)
def test_functions(project, command, expected):
    result = [one for one in found(project, MAGNUS.format(command=command)) if one[0].startswith("missing")]
    assert result == expected


@pytest.mark.parametrize(("name", "codes"), [("notebook.ipynb", []), ("gone.ipynb", ["missing-file"])])
def test_notebooks(project, name, codes):
    text = MAGNUS.format(command=f"{name}, command_type: notebook")
    assert [code for code, _, _ in found(project, text)] == codes


def test_a_file_of_the_current_directory_is_offered(project, monkeypatch):
    Path("gone.py").touch()
    assert found(project, VALOHAI.format(lines="      - python gone.py"))[0][2] == "it is in '.': add --project ."
    Path("gone.py").unlink()
    (project.parent / "gone.py").touch()
    assert found(project, VALOHAI.format(lines="      - python gone.py"))[0][2] == "it is in '..': add --project .."
    assert load(project / "pipeline.yaml", project=Path(".."), ignore=["ignored-image"]).diagnostics.found == []


def test_a_module_of_the_current_directory_is_offered(project):
    Path("mine").mkdir()
    Path("mine/fns.py").write_text("def f(): ...")
    assert found(project, MAGNUS.format(command="mine.fns.f"))[0][2] == "it is in '.': add --project ."
    assert load(project / "pipeline.yaml", project=Path()).diagnostics.found == []


def test_nothing_is_imported(project):
    (project / "boom.py").write_text("raise SystemExit\ndef f(): ...\n")
    assert found(project, MAGNUS.format(command="boom.f")) == []
    assert "boom" not in os.sys.modules


PACKAGES = [("s3://b/x", "s3fs"), ("gs://b/x", "gcsfs"), ("abfss://c@a/x", "adlfs"), ("sftp://h/x", "paramiko")]


@pytest.mark.parametrize(("uri", "package"), PACKAGES)
def test_the_package_for_an_input_is_named(project, uri, package):
    lines = f"      - date\n    inputs: [{{name: data, default: '{uri}'}}]"
    assert [(code, hint) for code, _, hint in found(project, VALOHAI.format(lines=lines))] == [
        ("needs-fsspec", f"install it there: pip install {package}")
    ]
