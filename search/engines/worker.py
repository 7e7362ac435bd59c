"""A worker process: reads jobs as JSON lines from standard input, writes messages as JSON lines to standard output.

Started as `python -P -m search.engines.worker`. It opens no database, ignores Ctrl-C (the coordinator decides), never
waits for an answer, and ends by itself as soon as its standard input closes: a worker can't outlive its coordinator.
"""

import json
import os
import queue
import signal
import sys
import threading
from typing import IO, Any

from search.engines.job import Job, message_to_json


def main() -> None:
    """Serve jobs until standard input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = _take_over_stdout()
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(jobs,), daemon=True).start()
    import torch

    torch.set_num_threads(1)
    from search.engines import runner

    _say(replies, {"kind": "ready"})
    while True:
        for message in runner.run(jobs.get()):
            _say(replies, message_to_json(message))


def _take_over_stdout() -> IO[str]:
    """The real standard output for the protocol; what any library prints goes to standard error instead."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return replies


def _read(jobs: "queue.SimpleQueue[Job]") -> None:
    for line in sys.stdin:
        jobs.put(Job(**json.loads(line)))
    os._exit(0)  # the coordinator is gone: nobody waits for the rest


def _say(replies: IO[str], message: dict[str, Any]) -> None:
    try:
        replies.write(json.dumps(message) + "\n")
        replies.flush()
    except OSError:
        os._exit(0)


if __name__ == "__main__":
    main()
