"""Run the same files in Loom's own engine, Airflow and Prefect: equal states of steps and run, equal bytes of files.

CI runs a part of the table as one pipeline, and one random project; ``make property N=500`` runs all of it, and many.
"""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import HTTPServer, SimpleHTTPRequestHandler

import pytest
from hypothesis import Phase, given, settings

from tests.oracle.loom.cases import ALONE, PLACE, TOGETHER, project, step
from tests.oracle.loom.compare import by_rules, in_loom, on_engine
from tests.oracle.loom.engine import python_of_loom, started_loom
from tests.oracle.loom.merged import merge
from tests.oracle.loom.strategy import projects

EXAMPLES = os.environ.get("TRANSLATOR_PROPERTY_EXAMPLES")
SHORT = ("optional left out", "loop that fails", "gated loops and conditions", "passes: early stop")
CASES = {
    "together": merge({name: TOGETHER[name] for name in SHORT}),
    "in place": ALONE["in place"],
}
if EXAMPLES:
    CASES = {**TOGETHER, **{f"alone: {name}": one for name, one in ALONE.items()}}
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def loom(tmp_path_factory):
    """Return Loom's process."""
    if not python_of_loom().exists():
        pytest.skip(f"no environment with Loom: {python_of_loom()} (make test makes it)")
    with started_loom(tmp_path_factory.mktemp("loom")) as process:
        yield process


@pytest.fixture(autouse=True)
def _place(monkeypatch):
    monkeypatch.setenv(PLACE, "source")


def compared(loom, engines, one, folder):
    """Describe where the rules and the engines differ from Loom."""
    folder.mkdir()
    real = in_loom(loom, one, folder / "loom")
    assert not real.told.aborted, real.log
    with ThreadPoolExecutor(len(engines)) as lanes:
        ran = [lanes.submit(on_engine, engine, one, real, folder / engine.name) for engine in engines]
    return by_rules(one, real, folder / "rules") + [line for one in ran for line in one.result()]


@pytest.mark.parametrize("case", CASES)
def test_a_project_runs_as_in_loom(case, loom, engines, tmp_path):
    wrong = compared(loom, engines, CASES[case], tmp_path / "case")
    assert not wrong, "\n".join(wrong)


@pytest.mark.property
@settings(
    max_examples=int(EXAMPLES or 1),
    phases=[Phase.generate],
)
@given(one=projects(max_steps=9 if EXAMPLES else 7))
def test_random_projects(loom, engines, tmp_path, one):
    folder = tmp_path / str(next(_numbers))
    wrong = compared(loom, engines, one, folder)
    assert not wrong, "\n".join([*wrong, repr(one)])
    shutil.rmtree(folder)


def test_a_url_is_downloaded(loom, engines, tmp_path):
    (tmp_path / "served").mkdir()
    (tmp_path / "served/table.csv").write_text("a,b\n")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=tmp_path / "served")
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            node = {"type": "csv", "path": f"http://127.0.0.1:{server.server_port}/table.csv?x=1"}
            one = project(
                step("one", {"x": "$far", "y": "$a"}, "$p"), step("two", {"x": "$far"}, "$q"), data={"far": node}
            )
            wrong = compared(loom, engines, one, tmp_path / "case")
        finally:
            server.shutdown()
            thread.join()
    assert not wrong, "\n".join(wrong)
