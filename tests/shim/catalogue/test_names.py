"""Test what is a name of data."""

from __future__ import annotations

import pytest

from translator.shim.catalogue.names import DataName, DataNameError, kind_of, parse

GOOD = [
    ("datum://production-model", DataName("datum", "production-model")),
    ("datum://017ef88d-2343-ef70-a47c-1ed37b59b244", DataName("datum", "017ef88d-2343-ef70-a47c-1ed37b59b244")),
    ("dataset://images/v1", DataName("dataset", "images", "v1")),
    ("dataset://my images/v 1", DataName("dataset", "my images", "v 1")),
    ("Dataset://images/latest ", DataName("dataset", "images", "latest")),
    ("model://churn/3", DataName("model", "churn", "3")),
    ("model://größe/v1", DataName("model", "größe", "v1")),
]
BAD = [
    ("datum://", "write datum://ALIAS"),
    ("datum://a/b", "write datum://ALIAS"),
    ("dataset://", "write dataset://NAME/VERSION"),
    ("dataset://images", "the newest version is dataset://images/latest"),
    ("dataset://images/", "the newest version is dataset://images/latest"),
    ("dataset:///v1", "write dataset://NAME/VERSION"),
    ("dataset://images/v1/a.jpg", "write dataset://NAME/VERSION"),
    ("model://churn/", "write model://NAME/VERSION"),
    ("dataset://im\nages/v1", "printable characters"),
    ("dataset://images/ v1", "printable characters"),
    (f"datum://{'x' * 201}", "at most 200"),
    ("s3://bucket/key", "begins with none of datum://, dataset://, model://"),
    ("images/v1", "begins with none of"),
]


@pytest.mark.parametrize(("written", "expected"), GOOD)
def test_a_name(written: str, expected: DataName) -> None:
    assert parse(written) == expected
    assert parse(str(expected)) == expected


@pytest.mark.parametrize(("written", "reason"), BAD)
def test_no_name(written: str, reason: str) -> None:
    with pytest.raises(DataNameError) as raised:
        parse(written)
    assert reason in str(raised.value)


def test_only_a_new_version_of_a_model_may_lack_its_name() -> None:
    assert parse("model://churn/", new=True) == parse("model://churn", new=True) == DataName("model", "churn")
    with pytest.raises(DataNameError):
        parse("dataset://images/", new=True)


@pytest.mark.parametrize(
    ("uri", "kind"),
    [("datum://x", "datum"), ("DATASET://x/y", "dataset"), ("s3://x", None), ("model.pkl", None), ("model:x", None)],
)
def test_the_kind_of_an_address(uri: str, kind: str | None) -> None:
    assert kind_of(uri) == kind
