"""How many workers this machine can take: cores that this process may use, and memory."""

import math
import os
from dataclasses import dataclass
from pathlib import Path

WORKER_BYTES = 800_000_000  # resident memory of one training worker, torch's libraries included, rounded up


@dataclass(frozen=True)
class Workers:
    count: int
    reason: str  # why this many, for the header


def usable_workers() -> Workers:
    """One worker per core that this process may use, fewer where memory is short; at least one."""
    import psutil

    cores, why = _usable_cores()
    memory, whose = _free_memory(psutil.virtual_memory().available)
    fitting = max(1, memory // WORKER_BYTES)
    if fitting < cores:
        return Workers(fitting, f"{memory / 1e9:.1f} GB of {whose} hold {fitting} of {WORKER_BYTES / 1e9:.1f} GB each")
    return Workers(cores, why)


def usable_cores() -> int:
    """Cores that this process may use, at least one."""
    return _usable_cores()[0]


def _usable_cores() -> tuple[int, str]:
    total = os.cpu_count() or 1
    cores, why = total, f"one per core, {total} here"
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
        if allowed < cores:
            cores, why = allowed, f"one per core, this process may use {allowed} of {total}"
    quota = cgroup_cpu_quota(Path("/sys/fs/cgroup"))
    if quota is not None and math.floor(quota) < cores:
        cores = max(1, math.floor(quota))
        why = f"the control group allows {quota:g} of {total} cores"
    return cores, why


def cgroup_cpu_quota(root: Path) -> float | None:
    """Cores' worth of CPU time a control group allows (version 2 or 1, mounted at `root`), None without a limit.

    cpu.max holds "QUOTA PERIOD" or "max PERIOD" (Linux kernel documentation, cgroup-v2).
    """
    try:
        quota, period = (root / "cpu.max").read_text().split()[:2]
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    try:
        micros = int((root / "cpu" / "cpu.cfs_quota_us").read_text())
        return None if micros <= 0 else micros / int((root / "cpu" / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None


def cgroup_free_memory(root: Path) -> int | None:
    """Bytes that the control group still allows (version 2 or 1), None without a limit."""
    for limit_file, used_file in (
        (root / "memory.max", root / "memory.current"),
        (root / "memory" / "memory.limit_in_bytes", root / "memory" / "memory.usage_in_bytes"),
    ):
        try:
            text = limit_file.read_text().strip()
            if text == "max":
                return None
            return max(0, int(text) - int(used_file.read_text()))
        except (OSError, ValueError):
            continue
    return None


def _free_memory(available: int) -> tuple[int, str]:
    grouped = cgroup_free_memory(Path("/sys/fs/cgroup"))
    if grouped is not None and grouped < available:
        return grouped, "memory left in the control group"
    return available, "free memory"
