"""What a run was computed with: part of every result, because a number carries its conditions."""

import importlib.metadata
import platform
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def installed(*packages: str) -> dict[str, str]:
    """Versions of Python and of those of the packages that are installed, without importing them."""
    found = {"python": platform.python_version()}
    for package in packages:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def versions() -> dict[str, str]:
    """Versions of what a worker's numbers depend on; "underbudget" only where it is installed."""
    import torch

    return installed("torch", "numpy", "underbudget") | {"torch": str(torch.__version__)}  # which build of it, too


def hardware(device: "torch.device") -> str:
    """Name of the processor or GPU."""
    import torch  # the coordinator, which asks for `processor` alone, does without

    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


@cache
def processor() -> str:
    """Name of the processor, as the system tells it; its architecture where it tells nothing."""
    if line := cpuinfo("model name"):
        return line.partition(":")[2].strip()
    if platform.system() == "Darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        with suppress(OSError, subprocess.SubprocessError):
            return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    return platform.processor() or platform.machine()


def cpuinfo(*beginnings: str) -> str:
    """The first line of Linux's /proc/cpuinfo that begins so, "" where there is none."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next((line for line in lines if line.startswith(beginnings)), "")
    return ""
