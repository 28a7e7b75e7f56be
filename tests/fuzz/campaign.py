"""Run many mutants, and keep one small example of each fault: ``python -m tests.fuzz --seconds 60``."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fuzz.invariants import Bench, Fault, shown
from tests.fuzz.minimise import minimised
from tests.fuzz.mutate import Mutant, mutant

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(slots=True)
class Campaign:
    """What came out: how many mutants there were, by level, and by kind of fault the first mutant with it."""

    seed: int
    mutants: int = 0
    accepted: int = 0
    commands: int = 0
    seconds: float = 0
    levels: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[Mutant, Fault, int]] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """Return one line of numbers."""
        levels = ", ".join(f"{count:,} {level}" for level, count in sorted(self.levels.items()))
        return (
            f"seed {self.seed}: {self.mutants:,} files ({levels}), "
            f"{self.commands:,} commands, {self.accepted:,} translations, "
            f"{self.seconds:.0f} s of CPU; {len(self.examples)} kinds of faults in {sum(self.counts.values())} files"
        )


def run(seed: int, numbers: Iterable[int], *, shared: bool = True, seconds: float | None = None) -> Campaign:
    """Run mutants.

    Args:
        seed: which sequence of mutants.
        numbers: which of its mutants.
        shared: whether the corpus beside the project is used, too.
        seconds: stop after that many seconds, whatever ``numbers`` holds.
    """
    campaign = Campaign(seed)
    start, cpu = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="translator-fuzz-", dir=_memory()) as folder:
        bench = Bench(Path(folder))
        for number in numbers:
            if seconds is not None and time.monotonic() - start > seconds:
                break
            made = mutant(seed, number, shared=shared)
            campaign.mutants += 1
            campaign.levels[made.level] += 1
            faults = bench.faults(made)
            for kind in {fault.kind for fault in faults}:
                campaign.counts[kind] += 1
                if kind not in campaign.examples:
                    fault = next(fault for fault in faults if fault.kind == kind)
                    campaign.examples[kind] = (made, fault, number)
        campaign.accepted, campaign.commands = bench.accepted, bench.commands
        campaign.seconds = time.process_time() - cpu
    return campaign


def keep(campaign: Campaign, folder: Path) -> None:
    """Write a small example of each fault to its own directory below ``folder``."""
    for place, (kind, (made, first, number)) in enumerate(sorted(campaign.examples.items())):
        with tempfile.TemporaryDirectory(prefix="translator-fuzz-", dir=_memory()) as scratch:
            bench = Bench(Path(scratch))

            def still(smaller: Mutant, kind: str = kind, bench: Bench = bench) -> bool:
                return any(other.kind == kind for other in bench.faults(smaller))

            small = minimised(made, still) if "slow" not in kind and "hang" not in kind else made
            fault = next((other for other in bench.faults(small) if other.kind == kind), first)
        into = folder / f"{place:02}"
        into.mkdir(parents=True, exist_ok=True)
        (into / small.name).write_bytes(small.data)
        (into / "fault.txt").write_text(
            f"{kind}\n"
            f"{campaign.counts[kind]} files; "
            f"mutant {number} of seed {campaign.seed}, from {made.origin} ({made.level})\n"
            f"again: python -m tests.fuzz --seed {campaign.seed} --first {number} --files 1\n"
            f"{shown(fault)}\n\n{fault.detail}\n",
            encoding="utf-8",
            errors="backslashreplace",
        )


def _memory() -> str | None:
    """Return a directory in memory, where there is one: two or three files are written per mutant."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
