"""The devices that trainings run on: "cpu", "mps", or one or more GPUs, "cuda:0,cuda:1", as torch numbers them.

Which there are, whether they work, and how many trainings run at once.
"""

import glob
import logging
import math
import re
import subprocess
import sys
import warnings
from collections.abc import Callable

from underbudget.models.errors import UserError
from underbudget.search.engines import resources
from underbudget.search.engines.calibration import Measure, calibrate
from underbudget.search.engines.processes import ProcessesEngine
from underbudget.search.engines.resources import Workers
from underbudget.search.engines.worker_process import environment_for

log = logging.getLogger(__name__)

_PROBE_SECONDS = 120  # a GPU that takes longer to answer is not used

Say = Callable[[str], None]


def probe(device: str) -> str:
    """Why torch cannot train on a device, on one line; "" where it can. Asks a process of its own."""
    command = [sys.executable, "-P", "-m", "underbudget.search.training.cuda.probe", device]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PROBE_SECONDS, env=environment_for(device), check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_PROBE_SECONDS} s"
    if done.returncode == 0:
        return ""
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return lines[-1][:200] if lines else f"a small training ended with exit code {done.returncode}"


def choose_device(asked: str, say: Say = log.info, works: Callable[[str], str] = probe) -> str:
    """The device or devices that trainings run on: "auto" takes the first GPU that works, else the CPU.

    asked: auto, cpu, mps, all (every GPU that works), cuda, cuda:N, or several of these, cuda:0,cuda:1; say: gets a
    line where a GPU is passed over; works: as `probe`. Raises UserError for a device that torch can't use here.
    """
    if asked == "cpu":
        return "cpu"
    if asked in ("auto", "all"):
        return _working_gpus(asked, say, works)
    if asked != "mps" and not re.fullmatch(r"cuda(:\d+)?(,cuda(:\d+)?)*", asked):
        raise UserError(
            f"--device is auto, cpu, mps, all, cuda, cuda:N or several like cuda:0,cuda:1, not {asked[:60]!r}"
        )
    import torch

    if asked == "mps":
        if not torch.backends.mps.is_available():
            raise UserError(f"--device mps: torch {torch.__version__} has no MPS here, use --device cpu")
        return "mps"
    count, _ = _gpus()
    named = list(dict.fromkeys(f"cuda:{int(name[5:] or 0)}" for name in asked.split(",")))
    for name in named:
        if int(name[5:]) >= count:
            raise UserError(f"--device {name}: torch {torch.__version__} finds no such GPU here, use --device cpu")
        if reason := works(name):
            raise UserError(f"--device {name} cannot be used ({reason}): use another one, or --device cpu")
    return ",".join(named)


def may_have_gpu() -> bool:
    """Whether there may be a GPU that torch can use: torch itself takes seconds to import."""
    signs = ("/dev/nvidia*", "/proc/driver/nvidia", "/dev/nvmap", "/dev/dxg", "/dev/kfd")  # also Jetson, WSL, AMD
    return sys.platform != "darwin" and (sys.platform != "linux" or any(map(glob.glob, signs)))


def _working_gpus(asked: str, say: Say, works: Callable[[str], str]) -> str:
    count, complaint = _gpus() if may_have_gpu() else (0, "")
    if complaint:
        say(f"no GPU is used: {complaint}")
    found: list[str] = []
    for name in (f"cuda:{index}" for index in range(count)):
        if reason := works(name):
            say(f"{name} is not used: {reason}")
        else:
            found.append(name)
            if asked == "auto":
                break
    if not found and asked == "all":
        import torch

        raise UserError(f"--device all: torch {torch.__version__} finds no GPU that works here, use --device cpu")
    return ",".join(found) or "cpu"


def _gpus() -> tuple[int, str]:
    """Number of GPUs that torch sees, and where there is none what it complains about, on one line."""
    import torch

    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    text = " ".join(str(complaints[0].message).split())[:200] if complaints else ""
    return count, text if not count else ""


def choose_workers(
    device: str, asked: int | None, in_process: bool, measure: Callable[[], Measure], say: Say
) -> Workers:
    """How many trainings run at once, on all devices together. asked: the user's number; measure: for the first GPU.
    Raises UserError where one process is to use several GPUs."""
    gpus = device.split(",") if device.startswith("cuda") else []
    if in_process:
        if len(gpus) > 1:
            raise UserError(f"--engine in-process trains on one device, not on {device}: name one, or leave it out")
        return Workers(1, "in this process")
    if asked is not None:
        cores, _ = resources.usable_cores()
        if device == "cpu" and asked > cores:
            say(f"warning: --workers {asked} is more than the {cores} that have a core each: each will be slower")
        return Workers(asked, "as asked")
    if device == "cpu":
        return resources.usable_workers()
    if not gpus:
        return Workers(1, f"one on {device}")
    say(f"measuring how many trainings at once are fastest on {gpus[0]}")
    chosen = calibrate(measure)
    return Workers(chosen.count * len(gpus), chosen.reason + (f", on each of {len(gpus)}" if len(gpus) > 1 else ""))


def engine_for(device: str, workers: int) -> ProcessesEngine:
    """Worker processes: one per training on the CPU; on GPUs one per GPU, whose trainings run in threads, since kernels
    of two processes do not run at the same time."""
    if not device.startswith("cuda"):
        return ProcessesEngine(workers)
    gpus = device.split(",")
    return ProcessesEngine(workers, gpus, math.ceil(workers / len(gpus)))
