"""Let the members of a distributed task meet in the artifact store.

Each attempt at a distributed task is a new group, with its own directory below that of the node::

    group-<n>/opened.json      how many members it has, and in which attempt of the engine at the run it was opened
    group-<n>/member-<i>.json  member i takes part
    group-<n>/ready-<i>.json   member i could start its command; how to reach it
    group-<n>/alive-<i>.<k>    the last sign of life of member i, while it waits and while its command runs
    group-<n>/closing-<i>.json the command of member i has succeeded, and its outputs are being published
    group-<n>/done-<i>.json    the command of member i has succeeded, and its outputs are published
    group-<n>/ended.json       the group has failed or was stopped, and because of which member

A member joins the latest group, unless it has been in that one, or that one is over. If a member of the group fails
while others have not begun, these join as well, only to fail: so all members have had the same attempts, and the next
attempt is one of all. A member is never tried again alone: the next group waits for all members, and says who is
missing.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from translator.shim.clock import now
from translator.shim.errors import TranslatorError
from translator.shim.store import MANIFEST, NoManifestError, StoreError, key_of, try_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from translator.shim.contract import ExecutionId, Manifest
    from translator.shim.store import Store

End: TypeAlias = Literal["failed", "stopped", "broken"]
"""A member failed, or was stopped; or the members did not come together."""

PAUSE, REMOTE_PAUSE = 0.2, 1.0
"""The seconds between two looks at a store in a directory, and at another."""
ASK_EVERY = 5.0
"""The seconds between two questions to the engine about members that have ended."""
BEAT_EVERY = 15.0
"""The seconds between two signs of life of a member."""
LOST_AFTER = 120.0
"""The seconds without a sign of life after which a member counts as lost, if the engine has not noticed before."""
_GRACE = 2
"""How often in turn the engine must say that an absent member has ended: people clear one after another."""
_GROUP = re.compile(r"group-([0-9]{1,9})")
_FILE = re.compile(r"(member|ready|closing|done)-([0-9]{1,9})\.json")
_ALIVE = re.compile(r"alive-([0-9]{1,9})\.([0-9]{1,9})")
_SHOWN = 10
_ALONE = "a member of a distributed task cannot run alone: run all of them again"


class GroupError(TranslatorError):
    """A group that has failed; the message, for the user, says because of which member."""


class GroupStopped(TranslatorError):  # noqa: N818 - not a failure
    """A group one of whose members was stopped."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A member that is ready, and how the others reach it.

    Attributes:
        index: its index in the task, which is its rank.
        identity: the name of its machine.
        attempt: the number of its try, from which its ids follow.
        addresses: its IP addresses, the preferred one first.
        time: when it was ready, ISO-8601 in UTC.
    """

    index: int
    identity: str
    attempt: int
    addresses: Sequence[str]
    time: str


@dataclass(slots=True)
class Membership:
    """A member of a group.

    ``number`` counts the groups of the task from 1, ``size`` is how many members each has, and ``timeout`` how many
    seconds this one waits for the others. ``ended_members`` is what ``translator.shim.contract.Context`` says.
    """

    store: Store
    id: ExecutionId
    size: int
    number: int
    timeout: float
    ended_members: Callable[[], Mapping[int, str]]
    done: bool = False
    over: GroupError | GroupStopped | None = None
    """How the group ended while the command of this member ran."""
    _asked: float = 0.0
    _looked: float = 0.0
    _gone: dict[int, int] = field(default_factory=dict)
    _alive: dict[int, int] = field(default_factory=dict)
    _beats: int = 0
    _beat_at: float = 0.0
    _heard: dict[int, tuple[int, float]] = field(default_factory=dict)
    """By member its last sign of life, and when this one saw it first."""

    @property
    def folder(self) -> str:
        """The key of the group's directory."""
        return _folder(self.id, self.number)

    @property
    def pause(self) -> float:
        """The seconds between two looks at the store."""
        return PAUSE if self.store.scratch() is not None else REMOTE_PAUSE

    def meet(
        self, identity: str, addresses: Sequence[str], pulse: Callable[[], None], note: Callable[[str], None]
    ) -> list[Announcement]:
        """Say how the others reach this member, and wait until all members have done so.

        Args:
            identity: the name of the machine.
            addresses: the IP addresses at which others reach the command.
            pulse: called several times a second; what it raises ends the wait.
            note: tells the user something.

        Returns:
            All members, by index.

        Raises:
            GroupError: they do not come together in time, or one of them has failed.
            GroupStopped: one of them was stopped.
            StoreError: the store cannot be read or written.
        """
        own = Announcement(self.id.index, identity, self.id.attempt, list(addresses), now())
        document = {key: getattr(own, key) for key in Announcement.__slots__}
        self.store.write_json(f"{self.folder}/ready-{own.index}.json", document, lasting=False)
        deadline = time.monotonic() + self.timeout
        noted = False
        while True:
            self.check()
            files = self._files()
            missing = [index for index in range(self.size) if index not in files["ready"]]
            if not missing:
                return [self._announcement(index) for index in range(self.size)]
            if not noted:
                note(f"waits for the other members of group {self.number}: {_listed(missing)}")
                noted = True
            if time.monotonic() > deadline:
                self._break(self._late(missing, files["member"]))
            self._wait(pulse)

    def finish(self, pulse: Callable[[], None], note: Callable[[str], None]) -> None:
        """Wait until the commands of all members have succeeded; arguments and errors as for ``meet``."""
        self.store.write_json(f"{self.folder}/done-{self.id.index}.json", {"ended": now()}, lasting=False)
        noted = False
        while True:
            done = self._files()["done"]
            missing = [index for index in range(self.size) if index not in done]
            if not missing:
                self.done = True
                return
            self.check()
            if not noted:
                note(f"its command has succeeded; waits for the other members of the group: {_listed(missing)}")
                noted = True
            self._wait(pulse)

    def problem(self) -> str | None:
        """Return why the command must end, if the group is over; ``over`` says whether that is a failure.

        A store that cannot be read ends nothing.
        """
        if self.over is None and time.monotonic() >= self._looked + self.pause:
            self._looked = time.monotonic()
            try:
                self.check()
            except (GroupError, GroupStopped) as error:
                self.over = error
            except StoreError:
                return None
        return str(self.over) if self.over is not None else None

    def check(self) -> None:
        """Find out whether the group is over, also because a member is lost.

        Raises:
            GroupError: a member has failed or is lost, or the members did not come together.
            GroupStopped: a member was stopped.
            StoreError: the store cannot be read or written.
        """
        end = _end(self.store, self.folder)
        if end is not None:
            _raise(end, self.id.index)
        self._show_life()
        if time.monotonic() < self._asked + ASK_EVERY:
            return
        self._asked = time.monotonic()
        # Ask the engine first: who has ended since then has joined before.
        ended = self.ended_members()
        files = self._files()
        gone = {index: state for index, state in ended.items() if index not in files["done"] and index < self.size}
        gone.pop(self.id.index, None)
        self._gone = {index: self._gone.get(index, 0) + 1 for index in gone}
        # A member that has joined is never started again in this group.
        lost = [index for index in gone if index in files["member"]]
        if lost:
            self._end("failed", lost[0], f"it was lost: it is {gone[lost[0]]} in the engine")
        if silent := self._silent(files):
            self._end("failed", silent[0], f"it was lost: it gave no sign of life for {LOST_AFTER:g} s")
        absent = [index for index in gone if self._gone[index] >= _GRACE]
        if absent:
            states = ", ".join(dict.fromkeys(gone[index] for index in absent))
            self._break(f"{_listed(absent)} had ended before ({states}), and did not join: {_ALONE}")

    def close(self) -> None:
        """Say that the command of this member has succeeded; while it publishes outputs, it shows no signs of life.

        Raises:
            StoreError: the store cannot be written.
        """
        self.store.write_json(f"{self.folder}/closing-{self.id.index}.json", {"time": now()}, lasting=False)

    def leave(self, end: End, reason: str) -> None:
        """Tell the others that this member has failed or was stopped, unless they know of another.

        Raises:
            StoreError: the store cannot be written.
        """
        if not self.done:
            self.store.create_json(f"{self.folder}/ended.json", _ending(end, self.id.index, reason))

    def _wait(self, pulse: Callable[[], None]) -> None:
        until = time.monotonic() + self.pause
        pulse()
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, PAUSE))
            pulse()

    def _show_life(self) -> None:
        """Leave a sign of life, if it is time; its name has a number, so that one listing shows those of all."""
        if time.monotonic() < self._beat_at:
            return
        self._beat_at = time.monotonic() + BEAT_EVERY
        sign = f"{self.folder}/alive-{self.id.index}."
        self.store.write(f"{sign}{self._beats + 1}", b"\n", lasting=False)
        self._beats += 1
        if self._beats > 1:
            self.store.remove(f"{sign}{self._beats - 1}")

    def _silent(self, files: Mapping[str, Collection[int]]) -> list[int]:
        """Return the members that should have given a sign of life for some time, by this member's own clock."""
        moment, beats = time.monotonic(), self._alive
        expected = set(files["ready"]).difference(files["closing"], files["done"], {self.id.index})
        self._heard = {
            index: self._heard[index]
            if index in self._heard and self._heard[index][0] == beats.get(index, 0)
            else (beats.get(index, 0), moment)
            for index in expected
        }
        return sorted(index for index, (_, since) in self._heard.items() if moment - since > LOST_AFTER)

    def _files(self) -> dict[str, set[int]]:
        """Return the members by the files that they have written; keep their signs of life."""
        files: dict[str, set[int]] = {"member": set(), "ready": set(), "closing": set(), "done": set()}
        self._alive = {}
        for name in self.store.names(self.folder):
            if match := _FILE.fullmatch(name):
                files[match[1]].add(int(match[2]))
            elif match := _ALIVE.fullmatch(name):
                self._alive[int(match[1])] = max(int(match[2]), self._alive.get(int(match[1]), 0))
        return files

    def _announcement(self, index: int) -> Announcement:
        key = f"{self.folder}/ready-{index}.json"
        document = self.store.read_json(key)
        try:
            return Announcement(
                index,
                str(document["identity"]),
                int(document["attempt"]),
                [str(address) for address in document["addresses"]],
                str(document["time"]),
            )
        except (TypeError, KeyError, ValueError):
            raise GroupError(f"{self.store.uri(key)} is damaged") from None

    def _late(self, missing: Sequence[int], joined: Collection[int]) -> str:
        absent = [index for index in missing if index not in joined]
        slow = [index for index in missing if index in joined]
        what = [f"{_listed(absent)} did not start"] if absent else []
        what += [f"{_listed(slow)} started, but could not begin the command"] if slow else []
        return (
            f"{' and '.join(what)} within {self.timeout:g} s; all {self.size} members must run at the same time: see "
            "that the engine has as many free slots"
        )

    def _break(self, reason: str) -> None:
        self._end("broken", self.id.index, reason)

    def _end(self, end: End, member: int, reason: str) -> None:
        """End the group, unless another member has; raise what that means for this one."""
        document = _ending(end, member, reason)
        self.store.create_json(f"{self.folder}/ended.json", document)
        _raise(_end(self.store, self.folder) or document, self.id.index)


def join(  # noqa: PLR0913 - all but the first two are keywords
    store: Store,
    identity: ExecutionId,
    *,
    members: int,
    timeout: float,
    round_name: str = "",
    ended_members: Callable[[], Mapping[int, str]] = dict,
) -> Membership:
    """Join the group of the current attempt at a distributed task.

    Args:
        store: the artifact store.
        identity: the execution, whose index is its rank.
        members: how many executions the task has.
        timeout: how many seconds it waits for the others.
        round_name: the engine's current attempt at the run; a failed group of another is not joined.
        ended_members: see ``translator.shim.contract.Context``.

    Raises:
        StoreError: the store cannot be read or written.
    """
    slot = {"try": try_key(identity), "joined": now()}
    number = max(_numbers(store, identity), default=1)
    if not _is_open(store, _folder(identity, number), members, round_name):
        number += 1
    while True:
        folder = _folder(identity, number)
        _open(store, folder, members, round_name)
        if store.create_json(f"{folder}/member-{identity.index}.json", slot) is None:
            return Membership(store, identity, members, number, timeout, ended_members)
        reason = "it was started again"
        if not _is_complete(store, folder, members):
            store.create_json(f"{folder}/ended.json", _ending("failed", identity.index, reason))
        number += 1


def lose(store: Store, identity: ExecutionId, *, members: int, round_name: str, reason: str) -> None:
    """Tell the members of the latest group that one of them is lost; the engine knows that, and it itself cannot.

    Args:
        store: the artifact store.
        identity: the lost member.
        members: how many executions the task has.
        round_name: the engine's current attempt at the run.
        reason: what the engine says of it.

    Raises:
        StoreError: the store cannot be read or written.
    """
    number = max(_numbers(store, identity), default=1)
    folder = _folder(identity, number)
    if not _is_open(store, folder, members, round_name):
        if _opened(store, folder).get("round") == round_name and _end(store, folder) is not None:
            return  # they know already
        folder = _folder(identity, number + 1)
        _open(store, folder, members, round_name)
    if not _is_complete(store, folder, members):
        store.create_json(f"{folder}/ended.json", _ending("failed", identity.index, reason))


def whole(store: Store, manifest: Manifest, members: int) -> list[Manifest] | None:
    """Return the manifests of all members of the group that an execution was part of, by index, if all are complete.

    Args:
        store: the artifact store.
        manifest: that of the execution.
        members: how many executions the task has now.

    Raises:
        StoreError: the store cannot be read.
    """
    identity = manifest.id
    for number in reversed(_numbers(store, identity)):
        folder = _folder(identity, number)
        tries = [_try_of(store, f"{folder}/member-{index}.json") for index in range(members)]
        if tries[identity.index : identity.index + 1] != [try_key(identity)]:
            continue
        if _opened(store, folder).get("members") != members or not _is_complete(store, folder, members):
            return None
        try:
            manifests = [store.manifest(store.uri(f"{one}/{MANIFEST}")) for one in tries]
        except NoManifestError:
            return None
        return manifests if all(one.state == "complete" for one in manifests) else None
    return None


def _folder(identity: ExecutionId, number: int) -> str:
    return f"{key_of(identity.pipeline, identity.run, identity.node)}/group-{number}"


def _numbers(store: Store, identity: ExecutionId) -> list[int]:
    """Return the numbers of the groups of a task, in order."""
    names = store.names(key_of(identity.pipeline, identity.run, identity.node))
    return sorted(int(match[1]) for name in names if (match := _GROUP.fullmatch(name)))


def _is_open(store: Store, folder: str, members: int, round_name: str) -> bool:
    """Return whether a member may join a group: it began in this attempt at the run, and its members come together."""
    opened = _open(store, folder, members, round_name)
    if opened.get("members") != members or opened.get("round") != round_name:
        return False
    end = _end(store, folder)
    return end is None or end["end"] == "failed"


def _is_complete(store: Store, folder: str, members: int) -> bool:
    names = set(store.names(folder))
    return all(f"done-{index}.json" in names for index in range(members))


def _open(store: Store, folder: str, members: int, round_name: str) -> Mapping[str, Any]:
    """Open a group, unless it is open already; return with how many members, and in which attempt at the run."""
    own = {"members": members, "round": round_name}
    return own if store.create_json(f"{folder}/opened.json", own) is None else _opened(store, folder)


def _opened(store: Store, folder: str) -> Mapping[str, Any]:
    return _document(store, f"{folder}/opened.json")


def _try_of(store: Store, key: str) -> str:
    return str(_document(store, key).get("try", ""))


def _end(store: Store, folder: str) -> Mapping[str, Any] | None:
    """Return how a group ended before all its commands succeeded, if it did."""
    document = _document(store, f"{folder}/ended.json")
    if not document:
        return None
    if document.get("end") not in ("failed", "stopped", "broken") or not isinstance(document.get("member"), int):
        return _ending("broken", -1, f"{store.uri(folder)}/ended.json is damaged")
    return document


def _document(store: Store, key: str) -> Mapping[str, Any]:
    """Return a document, empty if it does not exist."""
    try:
        document = store.read_json(key)
    except FileNotFoundError:
        return {}
    return document if isinstance(document, dict) else {"damaged": json.dumps(document)[:_SHOWN]}


def _ending(end: End, member: int, reason: str) -> dict[str, Any]:
    first, *_ = reason.splitlines() or [""]
    return {"end": end, "member": member, "reason": first.removesuffix("; its last lines:"), "time": now()}


def _raise(end: Mapping[str, Any], own: int) -> None:
    reason, member = str(end.get("reason", "")), end["member"]
    if end["end"] == "broken":
        raise GroupError(f"the members of the group did not come together: {reason}")
    what = f"member {member} of its group {'failed' if end['end'] == 'failed' else 'was stopped'}: {reason}"
    if member == own:
        what = f"the group is over: {reason}"
    raise GroupError(what) if end["end"] == "failed" else GroupStopped(what)


def _listed(indexes: Iterable[int]) -> str:
    """Return members as the user reads them."""
    listed = sorted(indexes)
    shown = ", ".join(map(str, listed[:_SHOWN])) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")
    return f"member{'s' if len(listed) > 1 else ''} {shown}"
