"""A worker process: reads jobs as JSON lines from standard input, writes messages as JSON lines to standard output.

Started as `python -P -m underbudget.search.engines.worker [PLACES]`: it runs up to PLACES jobs at once (1 by default),
a thread each. It opens no database, ignores Ctrl-C, and ends with its standard input, hence with its coordinator.

It reads jobs and {"stop": trial}, and writes {"kind": "ready"} once, then messages (search/engines/job.py). The last
line of each job, {"kind": "stopped", "trial": trial} after a stop, says in "busy" for how many seconds it computed.
"""

import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from typing import IO, Any

from underbudget.search.engines.job import Failed, Finished, Job, message_to_json


class Worker:
    """Jobs that wait, trials that were stopped, and the way back to the coordinator."""

    def __init__(self, replies: IO[str]) -> None:
        self._replies, self._speaking = replies, threading.Lock()
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._stopped: set[int] = set()

    def listen(self) -> None:
        """Take in lines until standard input closes, then end the process."""
        try:
            for line in sys.stdin:
                value = json.loads(line)
                if "stop" in value:
                    self._stopped.add(value["stop"])
                else:
                    job = Job(**value)
                    self._stopped.discard(job.trial)
                    self._jobs.put(job)
        finally:  # the coordinator is gone, perhaps in the middle of a line: nobody waits for the rest
            os._exit(0)

    def serve(self) -> None:
        """Run jobs, one after the other, for ever."""
        from underbudget.search.engines import runner
        from underbudget.search.training.cuda.capture import release_memory

        while True:
            job = self._jobs.get()
            begun, last = time.perf_counter(), None

            def should_stop(trial: int = job.trial) -> bool:
                return trial in self._stopped

            for message in runner.run(job, should_stop, lambda message: self.say(message_to_json(message))):
                last = message_to_json(message)
                if isinstance(message, Finished | Failed):
                    last["busy"] = time.perf_counter() - begun
                self.say(last)
            if last is None or "busy" not in last:
                self.say({"kind": "stopped", "trial": job.trial, "busy": time.perf_counter() - begun})
            elif last.get("out_of_memory") and job.device.startswith("cuda"):  # now that nothing holds the failed run
                release_memory()

    def say(self, message: dict[str, Any]) -> None:
        """Send one line."""
        line = json.dumps(message) + "\n"
        with self._speaking:
            try:
                self._replies.write(line)
                self._replies.flush()
            except OSError:
                os._exit(0)


def main() -> None:
    """Serve jobs until standard input closes."""
    for name in ("SIGINT", "SIGHUP"):  # a terminal sends them to the coordinator too, which ends its workers
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    worker = Worker(_take_over_stdout())
    logging.basicConfig(level=logging.WARNING, format="%(message)s")  # to standard error, which the engine logs
    logging.getLogger("underbudget").setLevel(logging.INFO)
    threading.Thread(target=worker.listen, daemon=True).start()
    import torch

    torch.set_num_threads(1)
    torch.backends.cudnn.allow_tf32 = False  # float32 is to mean float32, on GPUs too
    from underbudget.search.engines import runner  # noqa: F401, loaded before the first job comes

    for _ in range(int(sys.argv[1]) - 1 if len(sys.argv) > 1 else 0):
        threading.Thread(target=worker.serve, daemon=True).start()
    worker.say({"kind": "ready"})
    worker.serve()


def _take_over_stdout() -> IO[str]:
    """The real standard output, for messages alone; what any library prints goes to standard error instead."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return replies


if __name__ == "__main__":
    main()
