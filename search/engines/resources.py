"""How many workers this machine can take: cores that this process may use, and memory."""

import math
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
WORKER_BYTES = 800_000_000  # resident memory of one training worker, torch's libraries included, rounded up


@dataclass(frozen=True)
class Workers:
    count: int
    reason: str  # why this many, for the header


def usable_workers() -> Workers:
    """One worker per core that this process may use, fewer where memory is short; at least one."""
    cores, why = usable_cores()
    memory, whose = _free_memory()
    fitting = max(1, memory // WORKER_BYTES)
    if fitting < cores:
        return Workers(fitting, f"{memory / 1e9:.1f} GB of {whose} hold {fitting} of {WORKER_BYTES / 1e9:.1f} GB each")
    return Workers(cores, why)


def usable_cores() -> tuple[int, str]:
    """Cores that this process may use, at least one, and what decided on their number."""
    cores = total = os.cpu_count() or 1
    why = f"one per core, {total} here"
    if hasattr(os, "sched_getaffinity") and (allowed := len(os.sched_getaffinity(0))) < cores:
        cores, why = allowed, f"one per core, this process may use {allowed} of {total}"
    quota = cgroup_cpu_quota(_CGROUP)
    if quota is not None and math.floor(quota) < cores:
        cores, why = max(1, math.floor(quota)), f"the control group allows {quota:g} of {total} cores"
    return cores, why


def cgroup_cpu_quota(root: Path) -> float | None:
    """Cores' worth of CPU time a control group allows (version 2 or 1, mounted at `root`), None without a limit.

    cpu.max holds "QUOTA PERIOD" or "max PERIOD" (Linux kernel documentation, cgroup-v2).
    """
    with suppress(OSError, ValueError):
        quota, period = (root / "cpu.max").read_text().split()[:2]
        return None if quota == "max" else int(quota) / int(period)
    with suppress(OSError, ValueError):
        micros = int((root / "cpu" / "cpu.cfs_quota_us").read_text())
        return None if micros <= 0 else micros / int((root / "cpu" / "cpu.cfs_period_us").read_text())
    return None


def cgroup_free_memory(root: Path) -> int | None:
    """Bytes that the control group still allows (version 2 or 1), None without a limit."""
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        with suppress(OSError, ValueError):
            text = (root / limit).read_text().strip()
            return None if text == "max" else max(0, int(text) - int((root / used).read_text()))
    return None


def _free_memory() -> tuple[int, str]:
    import psutil

    grouped, available = cgroup_free_memory(_CGROUP), psutil.virtual_memory().available
    if grouped is not None and grouped < available:
        return grouped, "memory left in the control group"
    return available, "free memory"
