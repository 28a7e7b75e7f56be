"""Run a few files of the corpus on both engines, and compare with their own engines; ``make corpus`` runs all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.oracle.corpus import CORPUS, DIALECTS
from tests.oracle.corpus_run import project, result

FILES = (
    ("magnus", "probes/deep_fail.yaml"),
    ("magnus", "probes/par_sib.yaml"),
    ("runnable", "probes/map_partial.yaml"),
    ("runnable", "probes/loop_fail_params.yaml"),
)


def test_on_both_engines(engines, tmp_path):
    if not CORPUS.exists():
        pytest.skip(f"no corpus at {CORPUS}")
    projects = {dialect: project(dialect, tmp_path) for dialect in DIALECTS}

    def run(engine):
        folder = tmp_path / engine.name
        return [result(engine, dialect, file, projects[dialect], folder / dialect / file) for dialect, file in FILES]

    with ThreadPoolExecutor(len(engines)) as lanes:
        found = [one for done in lanes.map(run, engines) for one in done]
    assert [str(one) for one in found if one.verdict not in {"equal", "on purpose"}] == []
