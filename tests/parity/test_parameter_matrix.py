"""Check that every accepted default runs on both engines with the vendor's command line."""

from concurrent.futures import ThreadPoolExecutor

from tests.parameters import cases, document, lines
from tests.parity.engines import run_pipeline
from translator.load import load_text

NODES = ("default", "default_of_task", "override", "given", "given_to_task", "blueprint", "sets")

STRIDE = 4
"""Every shape and nearly every default are still among them; the other tests of the table look at all."""


def test_the_vendor_s_command_line(engines, tmp_path):
    accepted = [case for case in cases() if case.accepted][::STRIDE]
    (pipeline,) = load_text(document(accepted)).pipelines

    def run(engine):
        project = tmp_path / engine.name / "project"
        project.mkdir(parents=True)
        return run_pipeline(engine, pipeline, project, tmp_path / engine.name / "store", {})

    with ThreadPoolExecutor(len(engines)) as lanes:
        runs = list(lanes.map(run, engines))
    for _, document_, status, folder in runs:
        assert (status, document_["state"]) == (0, "complete"), document_
        for node in NODES:
            (printed,) = (folder / node).rglob("argv.txt")
            assert printed.read_text(encoding="utf-8").splitlines() == lines(accepted, node), (folder, node)
