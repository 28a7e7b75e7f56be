"""Test how a step of the process runner installs packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.shim.conftest import Worker

# If it is not on PATH, an engine's own environment comes before others.
ENGINE = Path(sys.executable).parent
SHOW = "python -c 'import translator_probe, sys; print(translator_probe.WHERE.startswith(sys.prefix), sys.prefix)'"


def package(folder: Path, name: str = "translator-probe", version: str = "1.0") -> Path:
    """Make a package that needs no network to be installed."""
    plain = name.replace("-", "_")
    path = folder / f"{plain}-{version}-py3-none-any.whl"
    info = f"{plain}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{plain}.py", "WHERE = __file__\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{plain}.py,,\n")
    return path


def test_conflicts_with_packages_of_the_engine_are_not_the_steps_matter(worker: Worker, tmp_path: Path) -> None:
    """Pytest, which stands for the engine, needs a newer pluggy."""
    wheel = package(tmp_path, "pluggy", "0.1")
    manifest = worker.run(
        f"pip install --quiet --no-index {wheel}; python -c 'import pluggy; print(pluggy.WHERE)'; exit 3"
    )
    assert worker.output[0].endswith("site-packages/pluggy.py")
    first, *lines = str(manifest.reason).splitlines()
    assert first.endswith("exit status 3; its last lines:")
    assert [line.rpartition("/")[2] for line in lines] == ["pluggy.py"]


def test_an_error_of_pip_is_in_the_reason(worker: Worker) -> None:
    manifest = worker.run("pip install --quiet --no-index translator-does-not-exist")
    assert "No matching distribution found for translator-does-not-exist" in str(manifest.reason)


def test_the_error_of_a_repository_that_pip_cannot_clone_is_in_the_reason(worker: Worker) -> None:
    reason = str(worker.run("pip install --no-index git+file:///nowhere/at-all.git").reason)
    assert "fatal: '/nowhere/at-all.git' does not appear to be a git repository" in reason
    assert "git clone" in reason


def test_an_engine_without_pip_has_that_of_the_standard_library(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ensurepip", reason="this Python comes without pip")
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    monkeypatch.setenv("PATH", f"{bare}/bin:{ENGINE}:/usr/bin:/bin")
    manifest = worker.run(f"pip install --quiet --no-index {package(tmp_path)}; {SHOW}; python -m pip --version")
    assert manifest.state == "complete", worker.told
    assert worker.output[0].startswith("True ")
    assert ".whl/pip " in worker.output[1]  # of ensurepip, or of where Debian keeps it
    assert list(bare.rglob("translator_probe*")) == []


@pytest.mark.parametrize("home", ["pip/__init__.py", "pip/_internal/__init__.py", "pip/_internal/cli/main.py"])
def test_every_version_of_pip_runs(worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    """The function of pip 9 is in the first module, that of pip 10 in the second, that of pip 19.3 in the third."""
    old = tmp_path / "old"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", old], check=True)
    module = next(old.glob("lib/*/site-packages")) / home
    module.parent.mkdir(parents=True)
    for folder in (module.parent, *module.parent.parents):
        if folder.name == "site-packages":
            break
        (folder / "__init__.py").touch()
    module.write_text("import sys\ndef main():\n    print(sys.argv[1:])\n    return 3\n")
    name = ".".join(module.with_suffix("").parts[module.parts.index("pip") :]).removesuffix(".__init__")
    (module.parents[home.count("/") - 1] / "__main__.py").write_text(
        f"import sys\nfrom {name} import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
    )
    monkeypatch.setenv("PATH", f"{old}/bin:{ENGINE}:/usr/bin:/bin")
    manifest = worker.run("pip install something")
    assert (manifest.exit_status, worker.output) == (3, ["['install', 'something']"]), worker.told


@pytest.mark.parametrize("how", ["", "--system", "--system --break-system-packages"])
def test_uv_installs_into_the_environment_of_the_execution(worker: Worker, tmp_path: Path, how: str) -> None:
    if shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") is None:
        pytest.skip("there is no uv on the PATH")
    manifest = worker.run(f"uv pip install --quiet --offline {how} {package(tmp_path)} && {SHOW}")
    assert manifest.state == "complete", worker.told
    assert worker.output[-1].startswith("True ")
    assert worker.run(SHOW, node="other").state == "error"
