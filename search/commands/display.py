"""Shows a search while it runs: a live table in a terminal, plain lines or JSON lines elsewhere."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from underbudget.reports.front import AXIS_WORDS
from underbudget.search.progress import Ended, EpochOver, Event, Progress, Rejected, Started, Tick

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

MODES = ("auto", "plain", "json", "none")
PLAIN_SECONDS = 60  # without a terminal, one line of progress this often


def duration(seconds: float | None) -> str:
    """Hours, minutes and seconds for people: "1 h 05 min", "3 min 20 s", "12 s"; "?" for None."""
    if seconds is None:
        return "?"
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"


def counts_line(progress: Progress) -> str:
    """The state of a search on one line."""
    speed = progress.epochs_per_second
    parts = [
        f"{progress.done}/{progress.goal} trained",
        f"{progress.proposed} proposed",
        f"{progress.rejected} rejected",
        f"{progress.stopped} stopped ({progress.saved} epochs saved)" if progress.stopped else "0 stopped",
        f"{progress.failed} failed",
    ]
    if progress.best is not None:
        parts.append(best_words(progress.best, progress.axis))
        parts.append(f"front {progress.front_size}")
    parts.append("starting" if speed is None else f"{speed:.2f} epochs/s")
    if progress.seconds_left is not None:
        parts.append(f"about {duration(progress.seconds_left)} left")
    return ", ".join(parts)


def best_words(best: tuple[int, float, int], axis: str) -> str:
    """The winner so far: "best 99.31 % with 6,720 parameters (#12)"."""
    cost, score, trial = best
    return f"best {score:.2f} % with {cost:,} {AXIS_WORDS[axis]} (#{trial})"


def ended_line(event: Ended, progress: Progress) -> str:
    """A finished trial on one line."""
    if event.state == "failed":
        return f"#{event.trial} failed: {event.reason}"
    if event.state == "stopped":
        return f"#{event.trial} stopped {event.reason}, {event.params:,} parameters ({progress.done}/{progress.goal})"
    mark = "  *best so far" if progress.best is not None and progress.best[2] == event.trial else ""
    return (
        f"#{event.trial} {event.state}: {event.score:.2f} %, {event.params:,} parameters, "
        f"{duration(event.seconds)} ({progress.done}/{progress.goal}){mark}"
    )


class Display:
    """Gets every event while its block lasts, with what it draws in the terminal. This one shows nothing."""

    drawn: AbstractContextManager[Any] = nullcontext()

    def __enter__(self) -> Self:
        self.drawn.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self.drawn.__exit__(None, None, None)

    def __call__(self, *event: Any) -> None:
        return None


class Plain(Display):
    """A line per finished trial, and one of counts a minute; `every`: one per trial that starts or is rejected too."""

    def __init__(self, write: Callable[[str], None], every: bool = False) -> None:
        self._write, self._every = write, every
        self._last = time.monotonic()

    def __call__(self, event: Event, progress: Progress) -> None:
        match event:
            case Ended():
                self._write(ended_line(event, progress))
            case Started() if self._every:
                self._write(f"#{event.trial} starts: {event.params:,} parameters, {event.layers_text}")
            case Rejected() if self._every:
                self._write(f"#{event.trial} rejected: {event.reason}")
        if time.monotonic() - self._last >= PLAIN_SECONDS:
            self._last = time.monotonic()
            self._write(counts_line(progress))


class Json(Display):
    """One JSON object per event, its kind under `event`, for other programs."""

    def __call__(self, event: Event, progress: Progress) -> None:
        if isinstance(event, Tick):
            return
        names = ("proposed", "done", "goal", "rejected", "stopped", "failed", "seconds_left")
        counts = {name: getattr(progress, name) for name in names} | {"front": progress.front_size}
        if progress.best is not None:
            best = (f"best_{progress.axis}", "best_score", "best_trial")
            counts |= dict(zip(best, progress.best, strict=True))
        name = "epoch" if isinstance(event, EpochOver) else type(event).__name__.lower()
        print(json.dumps({"event": name, **asdict(event), "progress": counts}), flush=True)


class Live(Display):
    """A table that is redrawn in place, finished trials scrolling by above it."""

    def __init__(self, console: "Console") -> None:
        from rich.live import Live as RichLive

        self.drawn = self._live = RichLive(console=console, refresh_per_second=4, transient=True)
        self._accuracy: dict[int, float] = {}

    def __call__(self, event: Event, progress: Progress) -> None:
        if isinstance(event, EpochOver):
            self._accuracy[event.trial] = event.val_accuracy
        if isinstance(event, Ended):
            self._accuracy.pop(event.trial, None)
            self._live.console.print(ended_line(event, progress), highlight=False, markup=False)
        self._live.update(self._picture(progress))

    def _picture(self, progress: Progress) -> "RenderableType":
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        total = progress.goal * progress.epochs
        done = progress.done * progress.epochs + sum(progress.running.values())
        speed, left = progress.epochs_per_second, progress.seconds_left
        head = Table.grid(padding=(0, 1))
        head.add_row(
            ProgressBar(total=total, completed=min(done, total), width=30),
            Text(f"{progress.done}/{progress.goal} trials", "bold"),
            "" if left is None else f"about {duration(left)} left",
            Text("" if speed is None else f"{speed:.2f} epochs/s", "dim"),
        )
        counts = ("proposed", "done", "rejected", "stopped", "failed")
        words = (f"{getattr(progress, name)} {'trained' if name == 'done' else name}" for name in counts)
        lines = [Text(", ".join(words))]
        if progress.best is not None:
            lines.append(Text(f"{best_words(progress.best, progress.axis)}, front of {progress.front_size}", "green"))
        for trial, epoch in progress.running.items():
            reached = f", {self._accuracy[trial]:.2f} %" if trial in self._accuracy else ""
            where = f"epoch {epoch}/{progress.epochs}{reached}" if epoch else "begins"
            lines.append(Text(f"#{trial} {where}", "dim"))
        return Group(head, *lines)


def choose(mode: str, console: "Console") -> Display:
    """The display of a mode; "auto" is live in a terminal, plain elsewhere."""
    if mode == "json":
        return Json()
    if mode == "none":
        return Display()
    if mode == "auto" and console.is_terminal and sys.stdout.isatty():
        return Live(console)
    return Plain(lambda line: print(line, flush=True))
