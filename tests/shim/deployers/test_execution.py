"""Test executions that deploy, with a deployer that only remembers what it is asked for."""

from dataclasses import replace

import pytest

from translator.shim import deployers
from translator.shim.contract import Endpoint, InputFiles, deployer, deployment
from translator.shim.deployers import Deployed, Deployer, DeployError
from translator.shim.execution import execute

FILES = {"model": "models/model.txt", "labels": "labels.txt"}


class Asked:
    """A deployer that keeps the requests that it gets, with the texts of their files, and calls ``then`` with each."""

    def __init__(self):
        self.requests = []
        self.then = lambda request: None

    def deploy(self, request):
        texts = {name: {path: file.read_text() for path, file in of.items()} for name, of in request.files.items()}
        self.requests.append((request, texts))
        self.then(request)
        request.note("serving")
        return Deployed(request.deployment.name, str(len(self.requests)))


@pytest.fixture
def asked(monkeypatch):
    """Return the deployer ``test``."""
    one = Asked()
    monkeypatch.setattr(deployers, "load", {"test": Deployer(one.deploy)}.__getitem__)
    return one


def step(**more):
    endpoints = [Endpoint("predict", wsgi="app", files=FILES)]
    options = {"aliases": ["live"], "deployer": deployer("test", size=3), "source": "valohai.yaml:7", **more}
    return deployment("digits", endpoints=endpoints, **options)


def brought(worker, **files):
    for name in files.values():
        (worker.project / name).parent.mkdir(parents=True, exist_ok=True)
        (worker.project / name).write_text(f"content of {name}")
    return {f"predict.{key}": InputFiles(defaults=[name]) for key, name in files.items()}


def test_what_is_deployed_is_in_the_manifest(worker, asked):
    inputs = brought(worker, model="other name.txt", labels="labels.txt")
    manifest = worker.run(step(environment={"COLOUR": "red"}), inputs=inputs)
    assert manifest.state == "complete", manifest.reason
    assert manifest.metadata == {"id": "digits", "version_id": "1"}
    assert list(manifest.outputs) == []
    assert {name: len(files) for name, files in manifest.inputs.items()} == {"predict.model": 1, "predict.labels": 1}
    ((request, files),) = asked.requests
    assert files == {
        "predict": {"models/model.txt": "content of other name.txt", "labels.txt": "content of labels.txt"}
    }
    assert (request.settings, request.environment) == ({"size": 3}, {"COLOUR": "red"})
    assert request.deployment.aliases == ["live"]
    assert request.project == worker.project.absolute()
    assert "serving" in worker.log


def test_a_file_without_an_edge_may_be_missing(worker, asked):
    manifest = worker.run(step(optional_files=["predict.labels"]), inputs=brought(worker, model="model.txt"))
    assert manifest.state == "complete", manifest.reason
    assert list(asked.requests[0][1]["predict"]) == ["models/model.txt"]


def test_a_missing_file_and_several_files_are_errors(worker, asked):
    manifest = worker.run(step(), inputs=brought(worker, model="model.txt"))
    assert manifest.state == "error"
    assert "input 'predict.labels' is required but has no file" in str(manifest.reason)
    inputs = brought(worker, model="model.txt", labels="labels.txt")
    inputs["predict.model"] = InputFiles(defaults=["*.txt"])
    manifest = worker.run(step(), inputs=inputs)
    assert "the edges bring 2 files for 'model' of endpoint 'predict', which is one file: labels.txt, model.txt" in str(
        manifest.reason
    )
    assert asked.requests == []


def test_a_failure_is_that_of_the_execution(worker, asked):
    def fail(request):
        raise DeployError("it is not healthy")

    asked.then = fail
    manifest = worker.run(step(), inputs=brought(worker, model="model.txt", labels="labels.txt"))
    assert (manifest.state, manifest.reason) == ("error", "valohai.yaml:7: it is not healthy")
    assert manifest.metadata == {}
    assert not manifest.infrastructure


def test_a_stop_ends_the_deployer(worker, asked):
    reasons = iter([None, None])
    worker.should_stop = lambda: next(reasons, "somebody stopped it")

    def wait(request):
        while True:
            request.pulse()

    asked.then = wait
    manifest = worker.run(step(), inputs=brought(worker, model="model.txt", labels="labels.txt"))
    assert (manifest.state, manifest.reason) == ("stopped", "somebody stopped it")
    assert len(asked.requests) == 1


def test_a_resumed_run_deploys_again(worker, asked):
    inputs = brought(worker, model="model.txt", labels="labels.txt")
    first = worker.run(step(), inputs=inputs)
    context = replace(worker.context(attempt=2), resumes=first.id.run)
    assert execute(step(), context, inputs=inputs).metadata["version_id"] == "2"
