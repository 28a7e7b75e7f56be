"""Test addresses of inputs with parameters: ``s3://bucket/{parameter:day}.csv``."""

from pathlib import Path

import pytest

from translator.shim.contract import Input, Parameter, Step
from translator.shim.dialects.valohai import default
from translator.shim.inputs.fetch import FetchError
from translator.shim.variables import LAUNCH_PATHS

PROJECT = Path("/nowhere/project")
STEP = Step("s", parameters=[Parameter("x", default="/mnt/own.csv")])


@pytest.mark.parametrize(
    ("uri", "value", "address"),
    [
        ("s3://bucket/{parameter:x}.csv", "2026/01", "s3://bucket/2026/01.csv"),
        ("{parameter:x}/data.csv", "s3://bucket", "s3://bucket/data.csv"),
        ("{parameter-value:x}", 7, "7"),
        ("data/{parameter:x}-{parameter:x}.csv", 0.5, "data/0.5-0.5.csv"),
        ("/mnt/data/{parameter:x}.csv", "a/b", "/mnt/data/a/b.csv"),
        ("file:///mnt/{parameter:x}", "a", "file:///mnt/a"),
        ("{parameter:y}", "a", "{parameter:y}"),
        ("{parameter:x}", None, "{parameter:x}"),
        ("/etc/passwd", "a", "/etc/passwd"),
        ("{parameter:x}", "/mnt/own.csv", "/mnt/own.csv"),
        ("../up/{parameter:x}", "a", "../up/a"),
    ],
)
def test_values_are_substituted(uri: str, value, address: str) -> None:
    assert default(uri, {"x": value}, STEP, PROJECT) == address


@pytest.mark.parametrize(
    ("uri", "value"),
    [
        ("{parameter:x}", "/etc/passwd"),
        ("{parameter:x}", "file:///etc/passwd"),
        ("{parameter:x}/passwd", "simplecache::file:///etc"),
        ("data/{parameter:x}", "../../other/secret"),
        ("../up/{parameter:x}", "../a"),
        ("/mnt/{a}/{parameter:x}", "../../etc/passwd"),
        ("/mnt/data/{parameter:x}", "../../etc/passwd"),
        ("/{parameter:x}", "etc/passwd"),
        ("file:///{parameter:x}", "etc/passwd"),
    ],
)
def test_a_value_cannot_lead_out_of_the_project(monkeypatch, uri: str, value: str) -> None:
    with pytest.raises(FetchError, match=r"outside the project|its scheme must be|contains"):
        default(uri, {"x": value}, STEP, PROJECT)
    monkeypatch.setenv(LAUNCH_PATHS, "/")
    assert default(uri, {"x": value}, STEP, PROJECT) == uri.replace("{parameter:x}", value)


@pytest.mark.parametrize(
    ("uri", "value", "is_allowed"),
    [
        ("s3://bucket/{parameter:x}.csv", "2026/01", True),
        ("s3://bucket/day-{parameter:x}.csv", "2026", True),
        ("s3://bucket/day-{parameter:x}/*.csv", "2026", True),
        ("https://host/get?day={parameter:x}", "a/b", True),
        ("https://host/{parameter:x}", "a", True),
        ("s3://listed/{parameter:x}", "a", True),
        ("s3://bucket/day{parameter:x}", "-secret/x", False),
        ("s3://bucket/day{parameter:x}", "*", False),
        ("s3://bucket/a-{parameter:y}{parameter:x}", "/x", False),
        ("s3://bucket/{parameter:x}", "../x", False),
        ("s3://bucket{parameter:x}", "-2/x", False),
        ("s3://{parameter:x}", "bucket/x", False),
        ("https://host{parameter:x}", ".evil.example/x", False),
        ("https://host{parameter:x}", "@evil.example/x", False),
        ("https://host/{parameter:x}", "..;/x", False),
        ("{parameter:x}", "s3://bucket/x", False),
    ],
)
def test_a_value_stays_in_the_directory_that_the_file_names(
    monkeypatch: pytest.MonkeyPatch, uri: str, value: str, is_allowed: bool
) -> None:
    monkeypatch.setenv(LAUNCH_PATHS, "s3://listed")
    if is_allowed:
        assert default(uri, {"x": value, "y": "b"}, STEP, PROJECT) == uri.replace("{parameter:x}", value)
    else:
        with pytest.raises(FetchError, match="a run cannot choose"):
            default(uri, {"x": value, "y": "b"}, STEP, PROJECT)


def test_an_execution_reads_the_file(worker) -> None:
    worker.project.mkdir(exist_ok=True)
    (worker.project / "b.csv").write_text("b\n")
    step = Step(
        "s",
        ["cat $VH_INPUTS_DIR/data/*"],
        parameters=[Parameter("x", default="a")],
        inputs=[Input("data", ["{parameter:x}.csv"])],
    )
    assert worker.run(step, parameters={"x": "b"}).state == "complete"
    assert worker.output == ["b"]
    assert worker.run(step, parameters={"x": "../b"}).reason.endswith("through a link")
