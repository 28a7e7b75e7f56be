"""Test that a store names the package it needs before it is opened."""

import importlib.util

import pytest

from translator.shim.files.object_stores import fsspec_uri, path_in_bucket
from translator.shim.store import StoreError, open_store
from translator.shim.store.objects import file_system


@pytest.mark.parametrize(
    ("uri", "package", "extra"),
    [("s3://bucket/x", "s3fs", "s3"), ("gs://bucket/x", "gcsfs", "gcs"), ("abfs://c@account/x", "adlfs", "azure")],
)
def test_the_missing_package_of_a_store_is_named(uri, package, extra, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else found(name))
    with pytest.raises(StoreError) as caught:
        open_store(uri)
    said = f"needs the package {package}, which is missing here; pip install 'pipeline-translator[{extra}]'"
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "written", "path"),
    [
        ("s3://bucket/a/b.csv", "s3://bucket/a/b.csv", "a/b.csv"),
        ("azure://account/box/a/b.csv", "abfs://box@account.dfs.core.windows.net/a/b.csv", "a/b.csv"),
        ("azure://account/box/a/**.csv", "abfs://box@account.dfs.core.windows.net/a/**.csv", "a/**.csv"),
        ("azure://account/box/", "abfs://box@account.dfs.core.windows.net/", ""),
        ("azure://ac@count/box/a", "azure://ac@count/box/a", "box/a"),
        ("abfs://box@account/a", "abfs://box@account/a", "a"),
    ],
)
def test_the_vendor_s_addresses_of_azure(uri, written, path):
    assert (fsspec_uri(uri), path_in_bucket(uri)) == (written, path)


def test_a_busy_machine_does_not_end_a_transfer():
    pytest.importorskip("s3fs")
    system, _ = file_system("s3://bucket/busy", {"anon": True})
    # Those of botocore are 60 and 60; s3fs has 5 and 15, which a busy pod exceeded five times in a row.
    assert (system.connect_timeout, system.read_timeout) == (20, 60)
    configured, _ = file_system("s3://bucket/busy", {"anon": True, "config_kwargs": {"read_timeout": 7}})
    client = configured.connect().meta.config
    assert (client.connect_timeout, client.read_timeout) == (20, 7)
