"""Who may use the GPU while a step is being recorded, between the threads of one process.

A capture belongs to one stream, but not everything about it does: until torch 2.12 (pytorch/pytorch#176753) it changes
the state of the device's global generator, at which replays in other threads then fail, and destroying another graph
meanwhile can fail in newer versions too (#176754). So replays and destructions go on side by side, a capture alone.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Many may pass at the same time, or one alone. Who wants to be alone is not kept waiting by newcomers."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._passing = 0
        self._alone = False

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Within the block nobody is alone. It should be short."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._passing += 1
        try:
            yield
        finally:
            with self._changed:
                self._passing -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Within the block nobody else is in one."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._alone = True
            self._changed.wait_for(lambda: self._passing == 0)
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()


gate = Gate()
