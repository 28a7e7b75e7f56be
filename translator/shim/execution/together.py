"""Let an execution be a member of a distributed task: it starts with the others, and ends with them."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from translator.shim.contract import State
from translator.shim.distributed import group
from translator.shim.execution.state import ExecutionError, Stopped
from translator.shim.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.shim.execution.state import Execution
    from translator.shim.run_contract import Launch
    from translator.shim.runners import Place, Run
    from translator.shim.store import Store
    from translator.shim.workspace import Workspace


def join(execution: Execution, store: Store) -> None:
    """Join the group of a distributed task; other executions have none.

    Raises:
        StoreError: the store cannot be read or written.
    """
    wanted, context = execution.step.distributed, execution.context
    if wanted is None or execution.group is not None:
        return
    execution.group = group.join(
        store,
        execution.id,
        members=wanted.members,
        timeout=wanted.timeout,
        round_name=context.round,
        ended_members=context.ended_members,
    )


def meeting(execution: Execution, place: Place, launch: Launch, space: Workspace) -> Run:
    """Return what runs the command of an execution; that of a member waits for the others before.

    Raises:
        ExecutionError: the place, or the dialect, has no distributed tasks.
        GroupError: the members do not come together.
        GroupStopped: one of them was stopped.
        StoreError: the store cannot be read or written.
    """
    own, write = execution.group, launch.group_files
    if own is None:
        return place.run
    if write is None or not (place.addresses or place.meeting):
        raise ExecutionError("members of a distributed task cannot run here: nobody would know how to reach them")

    def meet(addresses: Sequence[str]) -> None:
        members = own.meet(socket.gethostname(), addresses, execution.pulse, execution.note)
        for name, content in write(own.number, members).items():
            with (space.config / name).open("xb") as file:
                file.write(content)
        execution.note(f"all {own.size} members of group {own.number} are ready")

    if place.meeting is not None:
        return place.meeting(meet)
    meet(place.addresses)
    return place.run


def tell(execution: Execution, failure: ExecutionError | Stopped | None) -> None:
    """Tell the other members at once how a command ended, before its outputs are published.

    Raises:
        StoreError: the store cannot be written.
    """
    if failure is not None:
        leave(execution, State.STOPPED if isinstance(failure, Stopped) else State.ERROR, str(failure))
    elif execution.group is not None:
        execution.group.close()


def finish(execution: Execution) -> None:
    """Wait until the commands of all members have succeeded; errors as for ``meeting``."""
    if execution.group is not None:
        execution.group.finish(execution.pulse, execution.note)


def leave(execution: Execution, state: State, reason: str | None) -> None:
    """Tell the other members if an execution has not succeeded."""
    if execution.group is None or state is State.COMPLETE:
        return
    try:
        end: group.End = "stopped" if state is State.STOPPED else "failed"
        execution.group.leave(end, execution.hidden(reason or ""))
    except StoreError as error:
        execution.note(f"warning: the other members of the group do not know that this one is over: {error}")
