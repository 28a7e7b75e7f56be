"""Run steps of the toy dialect in a shell, with ``TOY_FILES`` to read from and ``TOY_RESULT`` to write to."""

from collections.abc import Mapping, Sequence

from translator.shim.contract import FileRecord, InputFiles, Step, Value
from translator.shim.inputs.stage import Source, fill
from translator.shim.run_contract import Contract, Launch, Work
from translator.shim.workspace import outputs


def label(step: Step, values: Mapping[str, Value]) -> str:
    """Return what tells an execution from others of its node; here each node has only one."""
    return ""


def bring(work: Work, records: dict[str, list[FileRecord]]) -> None:
    """Stage the files of the steps that this one needs."""
    source = Source(work.store, work.project, str, work.note, work.pulse)
    for needed in work.step.inputs:
        wanted = work.input_files.get(needed.name, InputFiles())
        records[needed.name] = fill(needed, wanted, work.space.inputs, source)


def launch(work: Work, records: Mapping[str, Sequence[FileRecord]]) -> Launch:
    """Run the command."""
    variables = {"TOY_FILES": str(work.space.inputs), "TOY_RESULT": str(work.space.outputs)}
    return Launch(["/bin/sh", "-c", work.step.command[0]], variables)


def gather(work: Work, metadata: dict[str, object]) -> outputs.OutputFiles:
    """Publish the files that the command wrote."""
    return outputs.tidy(work.space.outputs, work.space.root, work.pulse)


CONTRACT = Contract(label, bring, launch, gather)
