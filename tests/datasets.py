"""Deploy a pipeline that makes a version of a dataset, one that uses the latest, and a part of it, on a real engine.

The other engine makes the first version, by ``translate run``, in the same artifact store.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.parity.engines import ROOT, python_of
from translator import registry
from translator.dialects import Choices
from translator.load import load
from translator.shim.contract import StoreAddress
from translator.shim.store import OUTPUTS, RUN, key_of, open_store
from translator.targets import GenerateOptions

if TYPE_CHECKING:
    from translator.shim.store import Store

MOTO = ROOT / ".venv" / "dev" / "bin" / "moto_server"
KINDS = ("s3" if importlib.util.find_spec("s3fs") is not None and MOTO.exists() else "folder",)
"""The store that is tried: the harder one, if it can be had. Most other tests use a directory."""
MAKE = """\
echo $1 > $VH_OUTPUTS_DIR/a.txt
echo "{\\"valohai.dataset-versions\\": [\\"dataset://pictures/$1\\"]}" > $VH_OUTPUTS_DIR/a.txt.metadata.json
"""
TEXT = """\
- step:
    name: make
    image: i
    command: sh make.sh {parameter-value:version}
    parameters: [{name: version, type: string, default: v1}]
- step:
    name: use
    image: i
    command: cat $VH_INPUTS_DIR/data/* $VH_INPUTS_DIR/extra/* > $VH_OUTPUTS_DIR/all.txt
    inputs: [{name: data, default: "dataset://pictures/latest"}, {name: extra}]
- step:
    name: report
    image: i
    command: tr a-z A-Z < $VH_INPUTS_DIR/all/all.txt > $VH_OUTPUTS_DIR/report.txt
    inputs: [{name: all}]
- pipeline: {name: Make SUFFIX, nodes: [{name: make, type: execution, step: make}], edges: []}
- pipeline:
    name: Use SUFFIX
    nodes: [{name: use, type: execution, step: use}, {name: report, type: execution, step: report}]
    edges: [[use.output.*, report.input.all]]
"""
KEY = "testing"
BUCKET = "datasets"


@dataclass(frozen=True)
class Deployed:
    """The files of the pipelines, and where their store is; ``options`` are those of fsspec."""

    kind: str
    project: Path
    uri: str
    files: Mapping[str, Path]
    options: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return open_store(StoreAddress(self.uri, self.options))

    def record(self, run: str, pipeline: str = "Use") -> dict[str, Any]:
        """Return the ``run.json`` of a run."""
        return dict(self.store.read_json(key_of(f"{pipeline} {self.kind}", run, name=RUN)))

    def output(self, run: str, node: str, name: str) -> str:
        """Return the text of an output of a run of the pipeline that uses the dataset."""
        return self.store.read(f"{key_of(f'Use {self.kind}', run, node, 0, 1, OUTPUTS)}/{name}").decode()

    def make_on(self, engine: str, version: str) -> None:
        """Make a version of the dataset on the other engine."""
        python = python_of(engine)
        if not python.exists():
            pytest.skip(f"the environment of {engine} is missing")
        command = [str(python), "-m", "translator.cli", "run", str(self.project / "valohai.yaml")]
        command += ["--pipeline", f"Make {self.kind}", "--target", engine, "--store", self.uri]
        command += ["--param", f"make.version={version}"]
        plain = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW_", "PREFECT_"))}
        environment = {**plain, **self.variables}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def s3() -> Iterator[str]:
    """Start a server that speaks S3, and make a bucket; yield its address."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([str(MOTO), "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.2)
        import s3fs  # type: ignore[import-not-found, unused-ignore]

        endpoint = f"http://127.0.0.1:{port}"
        s3fs.S3FileSystem(key=KEY, secret=KEY, endpoint_url=endpoint).makedirs(BUCKET)
        yield endpoint
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def deployed(kind: str, engine: str, folder: Path, settings: str, files: Path | None = None) -> Iterator[Deployed]:
    """Write the files of all pipelines for an engine.

    Args:
        kind: of the store: ``folder`` or ``s3``.
        engine: the engine.
        folder: a new directory, for the project and the store.
        settings: the lines of ``translator.toml`` that name the credentials of the store in S3.
        files: the directory of the generated files (default: the project).
    """
    project = folder / "project"
    project.mkdir(parents=True)
    (project / "make.sh").write_text(MAKE)
    (project / "extra.txt").write_text("extra\n")
    (project / "valohai.yaml").write_text(TEXT.replace("SUFFIX", kind))
    if kind == "s3":
        with s3() as endpoint:
            variables = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": KEY}
            options = {"key": KEY, "secret": KEY, "endpoint_url": endpoint}
            uri = f"s3://{BUCKET}/store"
            (project / "translator.toml").write_text(f'[defaults]\nstore = "{uri}"\n{settings}\n')
            yield Deployed(kind, project, uri, _written(kind, project, engine, files or project), options, variables)
        return
    uri = str(folder / "store")
    (project / "translator.toml").write_text(f'[defaults]\nstore = "{uri}"\n')
    yield Deployed(kind, project, uri, _written(kind, project, engine, files or project))


def _written(kind: str, project: Path, engine: str, folder: Path) -> dict[str, Path]:
    """Write the generated files; return them by what they run."""
    target = registry.target(engine)
    options = GenerateOptions(project=os.path.relpath(project, folder))
    files = {}
    for name, choices in {
        "make": Choices(pipeline=f"Make {kind}"),
        "use": Choices(pipeline=f"Use {kind}"),
        "part": Choices(pipeline=f"Use {kind}", first="report"),
    }.items():
        pipeline = load(project / "valohai.yaml", choices=choices).choose(choices.pipeline)
        files[name] = folder / target.file_name(pipeline)
        files[name].write_text(target.generate(pipeline, options))
    return files
