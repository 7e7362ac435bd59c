"""Work on many files with all cores: processes that each take a share and answer with JSON lines.

They are processes of their own, not a pool of `multiprocessing`, so that notebooks and scripts without a main guard
work.
"""

import itertools
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from underbudget.models.errors import UnderbudgetError
from underbudget.models.output import drawing

LEAST_SHARE = 200  # files, for which another process is worth its start
_TELL_SECONDS = 0.25


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def answers(module: str, task: dict[str, Any], items: Sequence[Any], title: str) -> list[Any]:
    """One answer per item, in order, by processes that run `python -m module`, each with a slice of the items.

    Items and answers are JSON values. The module calls `serve` with a function that answers one item. On a terminal a
    line on standard error shows how far it is.
    """
    count = max(1, min(cores(), len(items) // LEAST_SHARE))
    bounds = [len(items) * index // count for index in range(count + 1)]
    found: list[Any] = [None] * len(items)
    lines: queue.Queue[tuple[int, str]] = queue.Queue()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    processes = []
    try:
        for start, end in itertools.pairwise(bounds):
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="ascii",
                env=environment,
            )
            processes.append(process)
            text = json.dumps({"task": task, "first": start, "items": list(items[start:end])})
            for work in (lambda p=process, t=text: _write(p, t), lambda p=process, s=start: _read(p, s, lines)):
                threading.Thread(target=work, daemon=True).start()
        done, ended, told = 0, 0, time.monotonic()
        while ended < count:
            index, line = lines.get()
            if not line:
                ended += 1
                continue
            found[index] = json.loads(line)
            done += 1
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                _show(f"{title}: {done:,} of {len(items):,}")
        _show("")
        if done < len(items):
            codes = sorted({process.wait() for process in processes})
            raise UnderbudgetError(
                f"{title} ended after {done:,} of {len(items):,} files (exit codes {codes}): try again"
            )
        return found
    finally:
        for process in processes:
            process.kill()
            process.wait()


def serve(make: Callable[[dict[str, Any], int], Callable[[Any], Any]]) -> None:
    """The other side: read a task and its items from standard input, and print an answer per item.

    make: gets the task and the number of the first item, gives the function that answers the items in turn.
    """
    job = json.load(sys.stdin)
    answer = make(job["task"], job["first"])
    for item in job["items"]:
        sys.stdout.write(json.dumps(answer(item)) + "\n")
    sys.stdout.flush()


def row_writer(
    file: str,
    first: int,
    image_of: Callable[[str], Any],
    reason: Callable[[Exception], str],
    known: type[Exception] | tuple[type[Exception], ...] = Exception,
) -> Callable[[str | None], str]:
    """Answers items that are paths, by writing an image of each into the next row of an array file, from row `first`
    on: "", or why there is none. An item that is None leaves its row as it is. known: what makes a reason."""
    import numpy as np

    images = np.load(file, mmap_mode="r+")
    rows = itertools.count(first)

    def answer(path: str | None) -> str:
        row = next(rows)
        if path is None:
            return ""
        try:
            images[row] = image_of(path)
        except known as error:
            return reason(error)
        return ""

    return answer


def _write(process: "subprocess.Popen[str]", text: str) -> None:
    try:
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
    except OSError:
        pass  # it ended: its answers are missing, which is noticed


def _read(process: "subprocess.Popen[str]", first: int, lines: "queue.Queue[tuple[int, str]]") -> None:
    assert process.stdout is not None
    with process.stdout:
        for index, line in enumerate(process.stdout, first):
            lines.put((index, line))
    lines.put((first, ""))


def _show(text: str) -> None:
    if sys.stderr is not None and sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=drawing(sys.stderr), flush=True)
