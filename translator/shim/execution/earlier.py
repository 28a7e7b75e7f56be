"""Use the results of a complete execution instead of running the command again.

Two rules choose the execution; what follows is the same for both:

- *Resume*: it was at the same place in the run that this one resumes, or in an earlier attempt at this run, with the
  same step, parameters and inputs. Its command, image and code do not count: whoever resumes a run has often just
  mended the step that failed.
- *Reuse*: it ran anywhere in the store, and has the same key (``translator.shim.reuse.key``).

An execution that a person marked as failed is never chosen, nor one whose outputs were deleted or changed. Where not
all that an execution depends on is recorded, it runs: steps that use the project directory itself (Loom, Magnus,
runnable), inputs that the command downloads, empty directories, and parameters that contain secrets.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from translator.shim.contract import State
from translator.shim.distributed import group
from translator.shim.inputs import stage
from translator.shim.json_values import thawed
from translator.shim.json_values.storable import sane
from translator.shim.outcome import rejected, resumed
from translator.shim.reuse import index, key
from translator.shim.reuse.project_files import Project, is_unchanged
from translator.shim.store import MANIFEST, NoManifestError, StoreError, key_of, segment
from translator.shim.store.keys import attempts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from translator.shim.contract import ExecutionId, FileRecord, InputFiles, Manifest, ReuseKey
    from translator.shim.execution.state import Execution
    from translator.shim.reuse.project_files import ProjectFiles
    from translator.shim.run_contract import ProjectUse
    from translator.shim.store import Store

_MOST = 100
"""How many runs one after the other are looked at, each of which resumes the one before."""


@dataclass(slots=True)
class EarlierResults:
    """The earlier executions whose results an execution may have.

    ``resumable`` is the one that it resumes, as far as that is known before its inputs are there. ``found`` is the one
    whose results it has; ``looked``: whether it was looked for.
    """

    execution: Execution
    store: Store
    project: Project
    files: ProjectFiles | None
    resumable: Manifest | None
    found: Manifest | None = None
    looked: bool = False

    def taken_at_once(self, brought: Mapping[str, InputFiles]) -> bool:
        """Take earlier results before there is a place to run in, if all inputs are in the store.

        Results that give names to data are not taken yet.

        Args:
            brought: by input what edges bring.
        """
        foreseen = stage.foreseen(self.execution.step, brought, self.store)
        if foreseen is None:
            return False
        self.execution.inputs = foreseen
        self.found, self.looked = _chosen(self.execution, self.store, self.resumable, brought, {}), True
        if self.found is not None and not any(file.properties for file in self.found.outputs):
            _take(self.execution, self.found)
            return True
        self.execution.inputs = {}
        return False

    def check_code(self) -> None:
        """Take the key from an execution whose project changed while it was copied."""
        own = self.execution.key
        if own is not None and self.files is not None and not is_unchanged(self.project, self.files):
            self.execution.key = replace(own, digest="", unknown="the project changed while it was copied")

    def taken(self, brought: Mapping[str, InputFiles], offered: Mapping[str, Mapping[str, FileRecord | str]]) -> bool:
        """Take earlier results when the inputs have been staged.

        Args:
            brought: by input what edges bring.
            offered: by input the files that the command downloads itself.
        """
        if not self.looked:
            self.found = _chosen(self.execution, self.store, self.resumable, brought, offered)
        if self.found is None:
            return False
        _take(self.execution, self.found)
        return True

    @property
    def origin(self) -> ExecutionId | None:
        """The execution that wrote the outputs.

        Raises:
            StoreError: its manifest cannot be read.
        """
        found = self.found
        if found is None or not found.reused:
            return None if found is None else found.id
        return self.store.manifest(found.reused).id


def begin(
    execution: Execution, store: Store, project: Path, use: ProjectUse, inherited: Mapping[str, str]
) -> EarlierResults | None:
    """Compute the key of an execution as far as it does not depend on inputs, and find the one that it resumes.

    Args:
        execution: one that is about to begin, whose secrets are known.
        store: the artifact store.
        project: the directory of the project.
        use: what the step does with it (``translator.shim.run_contract.Contract``).
        inherited: the worker's environment as the step sees it.

    Returns:
        The results that it may have; None if not all that it depends on is recorded for its dialect.
    """
    if use != "copied" or execution.scope is not None:
        return None
    scratch = store.scratch()
    source = (execution.step.source or "").rpartition(":")[0]
    read = Project(project, scratch.parent if scratch is not None else None, source)
    own = replace(key.of_step(execution.step, inherited, execution.hidden), enabled=execution.context.reuse)
    if execution.step.distributed is not None:
        own = replace(own, unknown=own.unknown or "it is a member of a distributed task")
    execution.key, files = key.with_code(own, execution.step, read, inherited, execution.pulse)
    execution.files = files
    return EarlierResults(execution, store, read, files, _resumable(execution, store))


def is_likely(execution: Execution) -> bool:
    """Return whether an execution may have earlier results, as far as that is known before its project is there."""
    context, step = execution.context, execution.step
    return (context.reuse or context.resumes is not None) and step.distributed is None and execution.scope is None


def enter(execution: Execution, store: Store, manifest: Manifest) -> None:
    """Enter an execution that has ended, so that others can reuse its results."""
    own = manifest.key
    if own is None or not own.digest or manifest.state is not State.COMPLETE or manifest.reused or not manifest.uri:
        return
    try:
        if execution.files is not None:
            index.enter_code(store, execution.files)
        index.enter(store, own.digest, manifest.uri)
    except StoreError as error:
        execution.note(f"warning: the results cannot be reused: {error}")


def origin(execution: Execution) -> str | None:
    """Return in a few words whose results an execution has, if they are not its own."""
    if not execution.reused:
        return None
    run = execution.reused.split("/")[-5]
    return f"reused from {'an earlier attempt' if run == segment(execution.id.run) else f'run {run}'}"


def _chosen(
    execution: Execution,
    store: Store,
    resumable: Manifest | None,
    brought: Mapping[str, InputFiles],
    offered: Mapping[str, Mapping[str, FileRecord | str]],
) -> Manifest | None:
    """Complete the key of an execution whose inputs are known; return the execution whose results it has, if any."""
    own = execution.key
    if own is None:
        return None
    unkeyed = key.unkeyed_input(execution.step, brought, offered)
    inputs = {**execution.inputs, **{name: _records(files) for name, files in offered.items()}}
    own = replace(own, unknown=own.unknown or unkeyed)
    execution.key = own = key.with_values(own, execution.values, inputs, execution.hidden)
    if resumable is not None and _is_same(execution, resumable, unkeyed):
        return resumable
    return _reusable(execution, store, own) if execution.context.reuse else None


def _reusable(execution: Execution, store: Store, own: ReuseKey) -> Manifest | None:
    """Return the newest execution with the same key whose results can be used; else the log says why there is none."""
    reason = _asked_for(execution, store)
    if reason is None and own.unknown:
        reason = f"no results can be reused: {own.unknown}"
    if reason is None:
        try:
            for manifest in index.find(store, own.digest):
                if (gone := _missing(execution, store, manifest.outputs)) is None:
                    return manifest
                path = gone.masked_path or gone.path
                place = _place(execution, manifest)
                execution.note(f"{place} is not reused: its output {path!r} was deleted or changed")
            reason = "no earlier execution depends on the same things; see: translate why"
        except (StoreError, OSError) as error:
            reason = f"no results can be reused: {error}"
    execution.note(f"runs, because {reason}")
    return None


def _take(execution: Execution, earlier: Manifest) -> None:
    """Give an execution the results of an earlier one."""
    execution.note(f"reused from {_place(execution, earlier)}")
    execution.reused = earlier.reused or earlier.uri
    execution.outputs = list(earlier.outputs)
    execution.metadata.values.update(earlier.metadata)
    execution.folders = list(earlier.folders)
    execution.exit_status = earlier.exit_status
    execution.key = earlier.key  # of a resumed one, the code may be another


def _place(execution: Execution, earlier: Manifest) -> str:
    """Return where an earlier execution is, as people read it."""
    of, own = earlier.id, execution.id
    node = f"{of.node}[{of.index}]" if of.kind == "task" else of.node
    place = "" if (of.node, of.index, of.kind) == (own.node, own.index, own.kind) else f"{node}, "
    run = "an earlier attempt" if (of.pipeline, of.run) == (own.pipeline, own.run) else f"run {of.run}"
    pipeline = "" if of.pipeline == own.pipeline else f" of the pipeline {of.pipeline!r}"
    return f"{run}{pipeline}: {place}try {of.attempt}"


def _records(offered: Mapping[str, FileRecord | str]) -> list[FileRecord]:
    return [replace(file, path=path) for path, file in offered.items() if not isinstance(file, str)]


def _resumable(execution: Execution, store: Store) -> Manifest | None:
    """Return the execution whose results may be kept, as far as that is known before the inputs are there."""
    run = execution.context.resumes
    if run is None:
        return None
    try:
        manifest = _last(execution, store, run, passing=State.STOPPED)
        if manifest is None or manifest.state is not State.COMPLETE:
            return None
        if execution.context.rejects:
            rejected.mark(store, manifest.uri)
        is_rejected = any(rejected.is_marked(store, uri) for uri in (manifest.uri, manifest.reused) if uri)
    except (StoreError, OSError) as error:
        execution.note(f"warning: nothing is kept from an earlier run: {error}")
        return None
    reason: str | None
    if is_rejected:
        reason = "a person marked it as failed"
    elif manifest.step != execution.step.name:
        reason = f"its step was {manifest.step!r}" if manifest.step else "an older version has run it"
    elif (reason := _other_parameters(execution, manifest)) is None:
        gone = _missing(execution, store, manifest.outputs)
        reason = f"its output {gone.masked_path or gone.path!r} was deleted or changed" if gone is not None else None
    if reason is None and execution.step.distributed is not None:
        reason = _not_whole(execution, store, manifest, execution.step.distributed.members)
    if reason is None:
        return manifest
    _again(execution, reason)
    return None


def _not_whole(execution: Execution, store: Store, manifest: Manifest, members: int) -> str | None:
    """Return why the results of the whole group of a member cannot be kept; then no member's are."""
    try:
        own = store.manifest(manifest.reused) if manifest.reused else manifest
        manifests = group.whole(store, own, members)
        if manifests is None:
            return "not all members of its group were complete"
        for other in manifests:
            if rejected.is_marked(store, other.uri):
                return f"a person marked member {other.id.index} of its group as failed"
            if _missing(execution, store, other.outputs) is not None:
                return f"an output of member {other.id.index} of its group was deleted or changed"
    except (StoreError, OSError) as error:
        return f"its group cannot be read: {error}"
    return None


def _asked_for(execution: Execution, store: Store) -> str | None:
    """Return why somebody wants the command to run again; None if nobody does.

    An engine that runs all tasks of a run again (``resumes``) asks for none of them.
    """
    if execution.id.attempt == 1:
        return None
    try:
        manifest = _last(execution, store, execution.id.run, here=True)
        if manifest is None or manifest.state is not State.COMPLETE:
            return None
        if rejected.is_marked(store, manifest.uri):
            return "a person marked its complete attempt as failed"
    except (StoreError, OSError):
        return None
    return "its complete attempt was cleared" if execution.context.resumes != execution.id.run else None


def _is_same(execution: Execution, earlier: Manifest, unkeyed: str) -> bool:
    """Return whether an execution has the inputs of the one that it resumes; else its log says why not."""
    if execution.from_edges:
        _again(execution, "edges bring values into its environment")
        return False
    if unkeyed:
        _again(execution, unkeyed)
        return False
    for name in sorted({*execution.inputs, *earlier.inputs}):
        if key.files_digest(execution.inputs.get(name, ())) != key.files_digest(earlier.inputs.get(name, ())):
            _again(execution, f"the files of input {name!r} are not the same")
            return False
    return True


def _last(
    execution: Execution, store: Store, run: str, *, here: bool = False, passing: State | None = None
) -> Manifest | None:
    """Return the manifest of the last try that has one, in a run or (unless ``here``) in those that it resumes.

    ``passing``: a state of tries that do not count, like those that were killed.
    """
    identity = execution.id
    for _ in range(_MOST):
        folder = key_of(identity.pipeline, run, identity.node, identity.index)
        numbers = attempts(store.names(folder))
        for number in sorted(numbers, reverse=True):
            if run == identity.run and number >= identity.attempt:
                continue
            try:
                manifest = store.manifest(store.uri(f"{folder}/try-{number}/{MANIFEST}"))
            except NoManifestError:  # it was killed
                continue
            of = manifest.id
            place = (segment(of.pipeline), segment(of.run), of.node, of.index, of.kind)
            expected = (segment(identity.pipeline), segment(run), identity.node, identity.index, identity.kind)
            if place != expected or not _is_manifest(manifest.reused, store):
                raise StoreError(f"the manifest {manifest.uri} is not of this execution")
            if manifest.state is not passing:
                return manifest
        if here:
            return None
        before = resumed.read(store, identity.pipeline, run)
        if before is None:
            return None
        run = before
    return None


def _is_manifest(uri: str, store: Store) -> bool:
    """Return whether a manifest names none whose results it has, or one of this store."""
    return not uri or (store.owns(uri) and ".." not in uri.split("/") and uri.endswith(f"/{MANIFEST}"))


def _missing(execution: Execution, store: Store, outputs: Sequence[FileRecord]) -> FileRecord | None:
    """Return the first output that is not in the store any more, or not as it was published."""
    for file in outputs:
        execution.pulse()
        if not store.owns(file.uri) or not store.is_unchanged(file, execution.pulse):
            return file
    return None


def _other_parameters(execution: Execution, manifest: Manifest) -> str | None:
    """Return which parameter has another value; never the values, which may be secrets."""
    now, then = sane(thawed(execution.values)), sane(thawed(manifest.parameters))
    if not isinstance(now, dict) or not isinstance(then, dict):
        return "its parameters cannot be compared"
    for name in sorted({*now, *then}):
        # JSON tells 1 from true and from 1.0, as command lines do.
        if name not in now or name not in then or json.dumps(now[name]) != json.dumps(then[name]):
            return f"the parameter {name!r} has another value, or is a secret"
    return None


def _again(execution: Execution, reason: str) -> None:
    execution.note(f"runs again, although it was complete before: {reason}")
