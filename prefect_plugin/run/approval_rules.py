"""Define how a person is asked for the approvals of a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """The rules of a node's approvals.

    Args:
        timeout_seconds: how long a run waits for a person (default: 30 days).
        default: what counts after that.
        notification_blocks: the blocks that notify people, as ``TYPE/NAME``.
    """

    timeout_seconds: float = 30 * 24 * 3600
    default: Literal["approve", "reject"] = "reject"
    notification_blocks: Sequence[str] = ()


DEFAULT = ApprovalRules()
"""The rules of nodes that have no others."""
