"""Test which files a run may be given for its inputs when it starts."""

from pathlib import Path

import pytest

from translator.shim.contract import Input, Step
from translator.shim.inputs.launch import launched, refusal
from translator.shim.variables import LAUNCH_PATHS

STEP = Step("s", inputs=[Input("data", ["/etc/hostname", "simplecache::s3://a/b"]), Input("other")])


@pytest.mark.parametrize(
    ("uri", "paths", "problem"),
    [
        ("http://host/x", "", None),
        ("s3://bucket/**.csv", "", None),
        ("data.csv", "", None),
        ("own/data.csv", "", None),
        ("a/b/**.csv", "", None),
        ("/etc/hostname", "", None),
        ("simplecache::s3://a/b", "", None),
        ("file:///mnt/data/x.csv", "/mnt/data", None),
        ("/mnt/data/x.csv", "/other, /mnt/data/", None),
        ("s3://team/x.csv", "s3://team/,/mnt", None),
        ("/etc/passwd", "/", None),
        ("memory://x", "/", None),
        ("/etc/passwd", "", "outside the project"),
        ("../secret", "", "contains '..'"),
        ("a/../b.csv", "", "contains '..'"),
        ("link/../secret", "", "contains '..'"),
        ("file:///%2e%2e/x", "", "contains '..'"),
        ("link/secret", "", "outside the project"),
        ("link/*", "", "outside the project"),
        ("link", "", "outside the project"),
        ("s3://other/x.csv", "s3://team/,/mnt", "lists other addresses"),
        ("http://169.254.169.254/", "s3://team/", "lists other addresses"),
        ("file:///etc/passwd", "/mnt", "outside the project"),
        ("file:///%65tc/passwd", "", "outside the project"),
        ("file://localhost/etc/passwd", "", "outside the project"),
        ("/mnt/data/../../etc/passwd", "/mnt/data", "contains '..'"),
        ("/mnt/database", "/mnt/data", "outside the project"),
        ("simplecache::file:///etc/passwd", "", "its scheme must be one of"),
        ("local:///etc/passwd", "", "its scheme must be one of"),
        ("FILE:///etc/passwd", "", "its scheme must be one of"),
        ("", "", "is not a URI"),
        ("a\nb", "", "is not a URI"),
        (7, "", "is not a URI"),
    ],
)
def test_paths_stay_in_the_project_or_where_the_worker_allows(tmp_path, monkeypatch, uri, paths: str, problem) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (project / "link").symlink_to(tmp_path / "elsewhere")
    (project / "inside").mkdir()
    (project / "own").symlink_to(project / "inside")
    monkeypatch.setenv(LAUNCH_PATHS, paths)
    uris, found = launched(STEP, {"data": [uri], "other": None}, lambda: project)
    if problem is None:
        assert (uris, found) == ({"data": [uri]}, None)
    else:
        assert found is not None
        assert found.startswith("input 'data': ")
        assert problem in found


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"data": "s3://a/b"}, "input 'data': expected a list of URIs, not str"),
        ({"data": {"a": 1}}, "input 'data': expected a list of URIs, not dict"),
        ({"unknown": ["x"]}, "step 's' has no input 'unknown'"),
    ],
)
def test_other_values_are_refused(given, problem: str) -> None:
    assert launched(STEP, given, lambda: Path("/project"))[1] == problem


@pytest.mark.parametrize("nothing", [None, [], ["/etc/hostname", "simplecache::s3://a/b"]])
def test_an_empty_field_and_the_default_itself_stand_for_the_default(nothing) -> None:
    assert launched(STEP, {"data": nothing}, lambda: Path("/project")) == ({}, None)


STARTS = "s3://partner/ok,https://data.example.com,abfs://box@account.dfs.core.windows.net/, file:///mnt/data"
OTHER, UNSURE = "lists other addresses", "contains '..', '::', a user or a control character"


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("s3://partner/ok", None),
        ("s3://partner/ok/x", None),
        ("s3://partner/ok/**.csv", None),
        ("https://DATA.example.com:443/x?y", None),
        ("abfs://box@account.dfs.core.windows.net/x", None),
        ("/mnt/data/x", None),
        ("s3://partner/ok-secret/x", OTHER),
        ("s3://partner/ok*/**", OTHER),
        ("s3://partner/o?/x", OTHER),
        ("s3://partner/ok?/**", OTHER),
        ("s3://partner/ok#/x", OTHER),
        ("s3://partner/*", OTHER),
        ("s3:///partner/ok/x", OTHER),
        ("s3a://partner/ok/x", OTHER),
        ("http://data.example.com/x", OTHER),
        ("https://data.example.com.evil/x", OTHER),
        ("https://data.example.com:81/x", OTHER),
        ("abfs://box@evil.dfs.core.windows.net/x", OTHER),
        ("s3://partner/ok/../secret/x", UNSURE),
        ("s3://partner/ok/%2e%2e/secret/x", UNSURE),
        ("s3://partner/ok/%252e%252e/secret/x", UNSURE),
        ("s3://partner/ok/.\t./secret/x", UNSURE),
        ("https://data.example.com/..;/x", UNSURE),
        ("https://data.example.com@evil/x", UNSURE),
        ("https://data.example.com\\@evil/x", UNSURE),
        ("https://data.example.com:x/x", UNSURE),
        ("s3://partner/ok/x::file:///etc/passwd", UNSURE),
    ],
)
def test_addresses_count_by_whole_parts(monkeypatch: pytest.MonkeyPatch, uri: str, problem: str | None) -> None:
    monkeypatch.setenv(LAUNCH_PATHS, STARTS)
    reason = refusal(uri, Path("/project"))
    assert (reason is None) is (problem is None), reason
    assert (problem or "") in (reason or "")
    # The same holds for what the pipeline file names.
    monkeypatch.setenv(LAUNCH_PATHS, "s3://listed")
    trusted = "s3://partner/ok" if uri.startswith("s3") else "https://data.example.com"
    if uri.startswith(("s3", "http")):
        assert (refusal(uri, Path("/project"), trusted) is None) is (problem is None)


def test_chained_file_systems_are_refused_without_a_list() -> None:
    assert "chains file systems" in str(refusal("hdfs://host/x::file:///etc/passwd", Path("/project")))
    assert refusal("https://[::1]/x", Path("/project")) is None
