"""How busy an engine's places were while there was work to give them."""

from collections.abc import Iterable


class Occupancy:
    """Adds up the time in which jobs ran, in seconds of `time.monotonic`, from the first job to the last submission:
    later, places fall empty because the search ends."""

    def __init__(self) -> None:
        self._ran: list[tuple[float, float]] = []
        self._last_submission = float("-inf")

    def submitted(self, now: float) -> None:
        self._last_submission = now

    def ran(self, started: float, ended: float) -> None:
        """A job ran from then to then, without the time for which it waited."""
        self._ran.append((started, ended))

    def share(self, places: int, underway: Iterable[float], now: float) -> float | None:
        """Seconds in which jobs ran over seconds x places, 0..1; None while there is no window.

        underway: when the jobs that still run were begun.
        """
        jobs = [*self._ran, *((started, now) for started in underway)]
        if not jobs:
            return None
        begin, end = min(started for started, _ in jobs), self._last_submission
        if end <= begin:
            return None
        ran = sum(max(0.0, min(ended, end) - started) for started, ended in jobs)
        return min(1.0, ran / (places * (end - begin)))
