"""Represent a node and its run on another machine, where nothing of the flow's process can be reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from prefect_plugin.configuration.stores import with_credentials
from prefect_plugin.run.stopping import Stop
from translator.shim.errors import TranslatorError
from translator.shim.masking.uris import has_secret, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from prefect_plugin.run.run_state import NodeRun
    from translator.shim.contract import Manifest, StoreAddress


@dataclass(eq=False, slots=True)
class RemoteRun:
    """A run as its executions on other machines know it: plain values.

    Credentials do not travel: ``store_block`` names the block that has those of the store.
    """

    pipeline: str
    id: str
    store_uri: str
    store_block: str | None
    code: str | Path
    catalogue: str | None
    git_remote: str | None
    input_blocks: Mapping[str, str]
    project_name: str | None
    creator: str | None
    resumes: str | None
    failed_before: Collection[str]
    reuse_nodes: Collection[str] | None
    started: str
    _store: StoreAddress | None = field(default=None, init=False, repr=False)

    @property
    def store(self) -> StoreAddress:
        """The artifact store, with the credentials of its block.

        Raises:
            BlockError: the block does not exist, or cannot be read.
        """
        if self._store is None:
            self._store = with_credentials(self.store_uri, self.store_block or "")
        return self._store


@dataclass(eq=False, slots=True)
class RemoteNode:
    """A node, as its executions on another machine know it.

    ``stop`` is tripped by ``prefect_plugin.remote.stop_notices``.
    """

    run: RemoteRun
    name: str
    kind: Literal["execution", "task"]
    manifests: dict[int, Manifest] = field(default_factory=dict)
    stop: Stop = field(default_factory=Stop)

    def __reduce__(self) -> tuple[Any, ...]:
        return RemoteNode, (self.run, self.name, self.kind)

    is_over = False
    """An execution that was sent to another machine starts there."""

    def ended(self, index: int, manifest: Manifest) -> None:
        """Record the manifest of an execution that has ended."""
        self.manifests[index] = manifest

    def should_stop(self) -> str | None:
        """Return the reason to stop, if there is one."""
        return self.stop.reason

    def claimed(self, index: int) -> Callable[[str], None]:  # noqa: ARG002 - as ``NodeRun``
        """Return a function that does nothing: the flow's process finds the try in the store, or gets its manifest."""
        return lambda uri: None  # noqa: ARG005 - as ``NodeRun``


class SecretError(TranslatorError):
    """A run that would send a password to other machines, in plain text."""


def remote_node(node: NodeRun) -> RemoteNode:
    """Return a node of this process as other machines know it.

    Raises:
        SecretError: an address contains a password or a token.
    """
    run = node.run
    _refuse("the artifact store", run.store.uri, "put it into storage_options of an Artifact Store block (store_block)")
    _refuse("git_remote", run.git_remote or "", "let a credential helper of Git on the workers have it")
    for start in run.input_blocks:
        _refuse("an entry of input_blocks", start, "put it into the block")
    remote = RemoteRun(
        pipeline=run.pipeline,
        id=run.id,
        store_uri=run.store.uri,
        store_block=run.store_block,
        code=run.code,
        catalogue=run.catalogue,
        git_remote=run.git_remote,
        input_blocks=dict(run.input_blocks),
        project_name=run.project_name,
        creator=run.creator,
        resumes=run.resumes,
        failed_before=run.failed_before,
        reuse_nodes=run.reuse_nodes,
        started=run.started,
    )
    return RemoteNode(remote, node.name, node.kind)


def _refuse(subject: str, uri: str, instead: str) -> None:
    if has_secret(uri):
        message = f"{subject} ({redact(uri)}) contains a password or a token, which executions would carry to others"
        raise SecretError(message, f"{instead}, or run the executions on this machine (without task_runner)")
