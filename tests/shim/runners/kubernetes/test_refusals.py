"""Test how refusals of the API server are told apart: some are final, one passes, one names a missing right."""

from __future__ import annotations

import json
from typing import Any

import pytest

from translator.shim.runners import RunnerError, UnfitError
from translator.shim.runners.kubernetes.cluster import Cluster, FullError, UnreachableError

client = pytest.importorskip("kubernetes.client")


class Refusing:
    """An API that refuses pods with a status and a message."""

    def __init__(self, status: int, message: str) -> None:
        self.error = client.ApiException(status=status, reason="Forbidden")
        self.error.body = json.dumps({"message": message})

    def create_namespaced_pod(self, *_: Any, **__: Any) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("status", "message", "expected", "text"),
    [
        (
            403,
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            UnfitError,
            "PodSec",
        ),
        (403, 'pods "x" is forbidden: maximum cpu usage per Container is 1, but limit is 2', UnfitError, "maximum cpu"),
        (403, 'pods "x" is forbidden: failed quota: q: must specify limits.cpu', UnfitError, "must specify"),
        (400, 'admission webhook "policy" denied the request: no latest tag', UnfitError, "no latest tag"),
        (422, 'Pod "x" is invalid: spec', UnfitError, "is invalid"),
        (404, 'namespaces "ml" not found', UnfitError, 'namespaces "ml" not found'),
        (403, 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=9', FullError, "exceeded quota"),
        (403, "namespace ml cannot be used because it is being terminated", RunnerError, "being terminated"),
        (
            403,
            'pods is forbidden: User "u" cannot create resource "pods" in API group "" in the namespace "ml"',
            RunnerError,
            "the right to create pods",
        ),
        (500, 'Internal error: failed calling webhook "policy"', UnreachableError, "failed calling"),
    ],
)
def test_refusals(status: int, message: str, expected: type[Exception], text: str) -> None:
    cluster = Cluster(client.Configuration(host="http://cluster"), "ml", Refusing(status, message))
    with pytest.raises(RunnerError, match=text) as caught:
        cluster.create({})
    assert type(caught.value) is expected
