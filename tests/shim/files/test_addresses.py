"""Test how addresses are compared: by whole parts, and only if they say for sure which file they are."""

from __future__ import annotations

import pytest

from translator.shim.files.addresses import Address, covers, parsed


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("S3://Bucket/A/b", Address("s3", "Bucket", ("A", "b"))),
        ("s3://bucket/a?b#c", Address("s3", "bucket", ("a?b#c",))),
        ("HTTPS://Host/a?q=/../x#f", Address("https", "host:443", ("a",), "q=/../x")),
        ("http://[::1]:8080/a", Address("http", "::1:8080", ("a",))),
        ("s3://", Address("s3", "")),
        ("https://host/a::b", Address("https", "host:443", ("a::b",))),
        ("data/x.csv", None),
        ("s3://bucket/a/../b", None),
        ("s3://bucket/a/%2e%2E/b", None),
        ("s3://bucket/a/%252e%252e/b", None),
        ("s3://bucket/a\\..\\b", None),
        ("s3://bucket/" + "%25" * 40 + "2e", Address("s3", "bucket", ("%25" * 40 + "2e",))),
        ("s3://bucket/%" + "25" * 40 + "2e", None),
        ("https://host/a/..;x/b", None),
        ("https://host/a/%2e%2e%3bx/b", None),
        ("s3://bucket/a\t/b", None),
        ("s3://bucket/x::file:///etc/passwd", None),
        ("https://user@host/a", None),
        ("https://@host/a", None),
        ("https://host:port/a", None),
    ],
)
def test_parts(uri: str, address: Address | None) -> None:
    assert parsed(uri) == address


@pytest.mark.parametrize(
    ("start", "uri", "is_covered"),
    [
        ("s3://b/data", "s3://b/data", True),
        ("s3://b/data/", "s3://b/data/x", True),
        ("s3://b/data", "s3://b/data//x", True),
        ("s3://b/data", "s3://b/data/*.csv", True),
        ("s3://b/data", "s3://b/data*/x", False),
        ("s3://b/data", "s3://b/data?/**", False),
        ("s3://b/data", "s3://b/data#x/y", False),
        ("s3://b/data", "s3://b/*", False),
        ("s3://b/data", "s3://b/Data/x", False),
        ("s3://b", "s3://b?/x", False),
        ("s3://", "s3:///b/x", False),
        ("s3://", "s3://b/x", True),
        ("https://", "https://host/x", True),
        ("https://host/get?set=a", "https://host/get?set=a", True),
        ("https://host/get?set=a", "https://host/get?set=b", False),
        ("https://host/data", "https://host/data?x", True),
        ("https://host", "https://host.:443/x", False),
        ("sftp://host/", "sftp://me@host/x", False),
        ("s3://b/../x", "s3://b/../x", False),
    ],
)
def test_whole_parts(start: str, uri: str, is_covered: bool) -> None:
    assert covers(parsed(start), parsed(uri)) is is_covered
