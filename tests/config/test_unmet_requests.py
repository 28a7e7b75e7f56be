"""Test what steps ask for: environments, presets, groups, mounts, images and resources, with and without an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from translator import ir
from translator.load import Loaded, load

STEP = """\
- step:
    name: train
    image: tf:2
    command: "true"
    environment: aws-gpu
    runtime-config-preset: big
    environment-variable-groups: [store, keys]
    mounts: [{source: /data, destination: /mnt/data, readonly: true}, "/cache:/cache"]
    resources: {cpu: {min: 1, max: 4}, memory: {max: 4096}, devices: {nvidia.com/gpu: 1}}
    environment-variables: [{name: REGION, default: eu}, {name: KEY, optional: false}]
- pipeline: {name: P, nodes: [{name: fit, type: execution, step: train}], edges: []}
"""
ANSWERS = """\
[environments."aws-*"]
runner = "docker"
runners.docker.pull = "always"
runners.docker.volumes = ["own:/own"]
[presets.big]
resources.memory = 8192
[groups.store.variables]
BUCKET = "s3://bucket"
REGION = "us"
[groups.keys.variables]
KEY = "k1"
[defaults]
image = "default:1"
resources.cpu = 1
resources.devices."nvidia.com/gpu" = 4
"""


PLAIN = """\
- step: {name: train, image: tf, command: "true"}
- pipeline: {name: p, nodes: [{name: train, type: execution, step: train}], edges: []}
"""


def loaded(folder: Path, text: str | None, source: str = STEP) -> Loaded:
    (folder / "valohai.yaml").write_text(source)
    if text is not None:
        (folder / "translator.toml").write_text(text)
    return load(folder / "valohai.yaml")


def step(found: Loaded) -> ir.Step:
    (pipeline,) = found.pipelines
    (node,) = pipeline.nodes
    assert isinstance(node, ir.ExecutionNode)
    return node.step


def codes(found: Loaded) -> dict[str, str]:
    return {one.code: str(one.severity) for one in found.diagnostics}


def test_answers_reach_the_step(tmp_path: Path) -> None:
    found = loaded(tmp_path, ANSWERS)
    assert codes(found) == {}, list(found.diagnostics)
    placed = step(found)
    volumes = ("own:/own", "/data:/mnt/data:ro", "/cache:/cache")
    assert placed.runner == ir.Runner("docker", {"pull": "always", "volumes": volumes})
    # The defaults are weaker than the pipeline file, the preset is stronger.
    assert placed.image == "tf:2"
    assert placed.resources == ir.Resources((1, 4), (8192, 8192), {"nvidia.com/gpu": 1})
    # A group is weaker than the step's own variables, as in Valohai.
    assert placed.environment == {"BUCKET": "s3://bucket", "REGION": "eu", "KEY": "k1"}
    assert placed.required_environment == ()


def test_what_has_no_answer_is_reported(tmp_path: Path) -> None:
    found = loaded(tmp_path, None)
    assert found.pipelines == ()
    assert codes(found) == {
        "ignored-environment": "note",
        "ignored-runtime-config-preset": "note",
        "unsupported-environment-variable-groups": "error",
        "unsupported-mounts": "error",
        "ignored-devices": "warning",
        "ignored-image": "note",
    }
    by_code = {one.code: one for one in found.diagnostics}
    assert by_code["ignored-environment"].hint == (
        'add [environments.aws-gpu] to translator.toml, for instance with airflow.queue = "gpu"'
    )
    assert str(by_code["unsupported-environment-variable-groups"].span) == "valohai.yaml:7:34"
    assert str(by_code["unsupported-mounts"].span).startswith("valohai.yaml:8:")


@pytest.mark.parametrize(
    ("mount", "said"),
    [
        ("{source: nas:/x, destination: /x, type: nfs}", "mounts of type 'nfs' are not supported"),
        ("{source: a/b, destination: /x}", "the source is not an absolute path"),
    ],
)
def test_mounts_that_docker_cannot_make_are_errors(tmp_path: Path, mount: str, said: str) -> None:
    source = STEP.replace(
        'mounts: [{source: /data, destination: /mnt/data, readonly: true}, "/cache:/cache"]', f"mounts: [{mount}]"
    )
    (error,) = loaded(tmp_path, ANSWERS, source).diagnostics
    assert error.code == "bad-mount"
    assert said in error.message
    (error,) = [one for one in loaded(tmp_path, "", source).diagnostics if "mounted" in one.message]
    assert said in error.message, "whatever the runner"


def test_settings_are_checked_by_their_runner(tmp_path: Path) -> None:
    docker = 'runners.docker.pull = "sometimes"\nrunners.docker.nothing = 1\n'
    text = f'[defaults]\nrunner = "dokcer"\n{docker}runners.slurm.a = 1\n'
    found = loaded(tmp_path, text, STEP.replace("    environment-variable-groups: [store, keys]\n", ""))
    errors = [
        f"{one.span.line} {one.message}" for one in found.diagnostics if one.span and one.span.file == "translator.toml"
    ]
    assert errors[0] == "2 there is no runner 'dokcer'"
    assert errors[1].startswith("3 pull: expected one of missing, always, never")
    assert errors[2].startswith("4 the docker runner does not have the setting 'nothing'")
    assert errors[3] == "5 there is no runner 'slurm'"


def test_keys_of_settings_may_have_dashes(tmp_path: Path) -> None:
    """A runner that refuses scripts says how to allow them in this way."""
    text = '[defaults]\nrunner = "process"\nrunners.process.hardcoded-paths = "allow"\n'
    found = loaded(tmp_path, text, PLAIN)
    assert not [one for one in found.diagnostics if one.code == "bad-setting"]
    assert step(found).runner == ir.Runner("process", {"hardcoded_paths": "allow"})


def test_loom_steps_have_a_place(tmp_path: Path) -> None:
    from translator.targets import airflow

    case = Path(__file__).parents[1] / "goldens" / "cases" / "loom" / "passes.yaml"
    (tmp_path / "pipeline.yml").write_text(case.read_text())
    (tmp_path / "translator.toml").write_text(
        '[defaults]\nrunner = "docker"\nimage = "python:3.12"\nresources.cpu = 2\n'
    )
    (pipeline,) = load(tmp_path / "pipeline.yml", project=case.parent).pipelines
    text = airflow.generate(pipeline)
    assert text.count('runner=runner("docker"),') == text.count("loom.at(") > 1
    assert 'image="python:3.12",\n    resources=Resources(cpu=2),' in text
    compile(text, "x.py", "exec")


def test_secrets_replace_variables_and_are_named_in_the_file(tmp_path: Path) -> None:
    from translator.targets import airflow, prefect

    text = ANSWERS.replace('[groups.keys.variables]\nKEY = "k1"', '[groups.keys.secrets]\nKEY = "ml_key"')
    found = loaded(tmp_path, f'{text}[steps.train.secrets]\nREGION = "region_of_team"\n')
    assert codes(found) == {}, list(found.diagnostics)
    placed = step(found)
    assert placed.environment == {"BUCKET": "s3://bucket"}
    assert placed.secret_variables == {"KEY": "ml_key", "REGION": "region_of_team"}
    assert placed.required_environment == ()
    for target in (airflow, prefect):
        written = target.generate(found.pipelines[0])
        assert 'secret_variables={"KEY": "ml_key", "REGION": "region_of_team"},' in written


def test_names_of_variables_are_checked(tmp_path: Path) -> None:
    found = loaded(tmp_path, '[defaults.variables]\n"A B" = "x"\n[defaults.secrets]\n"1" = "y"\nOK = ""\n')
    errors = [one.message for one in found.diagnostics if one.span and one.span.file == "translator.toml"]
    assert errors == [
        "'A B' in 'variables' is not a valid variable name",
        "'1' in 'secrets' is not a valid variable name",
        "'secrets.OK' must be a string, not an empty string",
    ]


def test_an_environment_that_a_configuration_has_no_table_for_is_probably_a_mistake(tmp_path: Path) -> None:
    answered = ANSWERS.replace("aws-*", "other-*")
    found = loaded(tmp_path, answered)
    assert codes(found)["ignored-environment"] == "warning"


def test_the_missing_package_of_the_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "valohai.yaml").write_text("""\
- step: {name: a, image: x, command: "true"}
- pipeline: {name: P, nodes: [{name: a, type: execution, step: a}], edges: []}
""")
    (tmp_path / "translator.toml").write_text('[defaults]\nstore = "gs://bucket/x"\n')
    (found,) = [one for one in load(tmp_path / "valohai.yaml").diagnostics if one.code == "needs-fsspec"]
    assert "the store gs://bucket/x needs the package gcsfs" in found.message
    assert found.hint == "install it where steps run: pip install 'pipeline-translator[gcs]'"


SERVED = """\
- endpoint:
    name: predict
    image: tf:2
    wsgi: app
    resources: {ephemeral-storage: {max: 3}}
    node-selector: disk=ssd
- pipeline:
    name: p
    nodes:
      - {name: deploy, type: deployment, deployment: digits, endpoints: [predict]}
    edges: []
"""


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ('engine = "tcp://10.0.0.7:2376"', "the engine tcp://10.0.0.7:2376 is on another machine"),
        ('engine = "tcp://10.0.0.7:2376"\npublish = "10.0.0.7"', None),
        ('pull = "never"', None),
    ],
)
def test_a_deployer_that_cannot_reach_its_servers_is_an_error(
    tmp_path: Path, settings: str, problem: str | None
) -> None:
    text = f'[defaults]\ndeployer = "docker"\n[defaults.deployers.docker]\n{settings}\n'
    by_code = {one.code: one for one in loaded(tmp_path, text, SERVED).diagnostics}
    assert by_code.pop("ignored-endpoint-setting").message == (
        "the deployer 'docker' ignores 'node-selector', 'resources.ephemeral-storage' of endpoint 'predict'"
    )
    if problem is not None:
        error = by_code.pop("bad-setting")
        assert (error.severity, str(error.span)) == ("error", "valohai.yaml:10:9")
        assert f"deployment 'digits': {problem}" in error.message
    assert by_code == {}
