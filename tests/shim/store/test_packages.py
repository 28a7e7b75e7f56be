"""Test that a store names the package it needs before it is opened."""

import importlib.util

import pytest

from translator.shim.store import StoreError, open_store


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
