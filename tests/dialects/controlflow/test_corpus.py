"""Check that upstream's pipelines and our probes are accepted or rejected as by the engines (``expected.json``)."""

import json
from pathlib import Path

import pytest

from translator.load import load

CORPUS = Path("/work/shared/corpus")
EARLIER = {
    # The engines end in an exception at these whatever happens; here it is an error before the run.
    ("magnus", "probes/brdot.yaml"): "bad-name",
    ("runnable", "probes/async.yaml"): "unsupported-async-python",
}


def cases():
    for dialect in ("magnus", "runnable"):
        file = CORPUS / dialect / "expected.json"
        if file.exists():
            for name, result in json.loads(file.read_text())["results"].items():
                yield pytest.param(dialect, name, result["status"], id=f"{dialect}/{name}")


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is not here")
@pytest.mark.parametrize(("dialect", "name", "status"), list(cases()))
def test_verdict(dialect, name, status):
    loaded = load(CORPUS / dialect / name, dialect=dialect, project=CORPUS / dialect)
    errors = [d for d in loaded.diagnostics if d.severity == "error"]
    if (dialect, name) in EARLIER:
        assert [d.code for d in errors] == [EARLIER[dialect, name]]
        return
    assert (status == "INVALID") == bool(errors), [str(d) for d in errors]
