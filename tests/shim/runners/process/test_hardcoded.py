"""Test which scripts are refused where nothing can be shown at ``/valohai``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from translator.shim.contract import Step, runner
from translator.shim.runners import RunnerError
from translator.shim.runners.process import hardcoded

if TYPE_CHECKING:
    from tests.shim.conftest import Worker

FILES = {
    "train.py": "import lib.paths\nprint('ran')\n",
    "lib/__init__.py": "",
    "lib/paths.py": "OUT = '/valohai/outputs/model'\n",
    "run.sh": "python3 other.py\n",
    "other.py": "# /valohai/inputs is a comment\nprint(open('/valohai/inputs/x'))\n",
    "config.yaml": "out: /valohai/outputs\n",
    "clean.py": "import os\nOUT = os.getenv('VH_OUTPUTS_DIR', '/valohai/outputs')\nprint(OUT)\n",
    "broken.py": "import os\nOUT = os.getenv(\n'VH_OUTPUTS_DIR',\n'/valohai/outputs')\nprint('/my/valohai/outputs')",
    "flow.py": "from prefect_plugin import Step\nS = Step(command=['ls /valohai/outputs'])\n",
}


@pytest.fixture
def project(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setenv("TRANSLATOR_NAMESPACE", "never")
    for name, text in FILES.items():
        worker.script(name, text)
    return worker


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("python3 train.py", "lib/paths.py:1 (/valohai/outputs)"),
        ("python3 -m train", "lib/paths.py:1 (/valohai/outputs)"),
        ("sh ./run.sh", "other.py:2 (/valohai/inputs)"),
        ("python3 clean.py --config config.yaml", "config.yaml:1 (/valohai/outputs)"),
        ("python3 -c 'import train'", "lib/paths.py:1 (/valohai/outputs)"),
        ("cat nothing | python3", "other.py:2 (/valohai/inputs)"),
    ],
)
def test_the_message_names_the_line(project: Worker, command: str, line: str) -> None:
    manifest = project.run(command)
    assert manifest.state == "error"
    assert line in str(manifest.reason)
    assert "flow.py" not in str(manifest.reason)
    assert "set hardcoded-paths = 'allow'" in str(manifest.reason)
    assert project.output == []


@pytest.mark.parametrize(
    "command",
    ["python3 clean.py", "python3 broken.py", "ls /valohai/inputs", "python3 -c 'print(1)'", "pip --version && true"],
)
def test_what_works_everywhere_is_not_refused(project: Worker, command: str) -> None:
    assert project.run(command).state == "complete", project.log


def test_a_user_may_run_it_all_the_same(project: Worker) -> None:
    step = Step("s", ["python3 train.py"], runner=runner("process", hardcoded_paths="allow"))
    assert project.run(step).state == "complete", project.log


def test_wrong_settings_are_named(project: Worker) -> None:
    manifest = project.run(Step("s", ["true"], runner=runner("process", namespace="maybe", size=3)))
    assert manifest.state == "error"
    assert "namespace is 'maybe'; it can be: 'auto', 'require', 'never'" in str(manifest.reason)
    assert "the process runner has no setting 'size'" in str(manifest.reason)


def test_scripts_are_read_again_only_if_they_change(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker runs many executions of a step; each looks at all of its scripts."""
    read: list[str] = []
    text = hardcoded._text
    monkeypatch.setattr(hardcoded, "_text", lambda path: (read.append(path.name), text(path))[1])
    worker.script("a.py", "import b\n")
    worker.script("b.py", "print('ran')\n")
    step = Step("s", ["python a.py"])
    for _ in range(3):
        hardcoded.refuse(step, worker.project, "/valohai")
    assert sorted(read) == ["a.py", "b.py"]
    worker.script("b.py", "open('/valohai/outputs/x', 'w')\n")
    with pytest.raises(RunnerError, match=r"b\.py:1"):
        hardcoded.refuse(step, worker.project, "/valohai")
    assert sorted(read) == ["a.py", "b.py", "b.py"]
