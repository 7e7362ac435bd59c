"""Shows the runs of an experiment while they are computed: in a terminal a bar per run, everywhere a line per epoch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from underbudget.search.commands.display import Display, duration
from underbudget.search.commands.terminal import console, say
from underbudget.search.data.protocol import evaluated_part
from underbudget.search.engines.job import EpochDone, StepsDone
from underbudget.search.experiments.events import Begun, Event, Kept, Lost, Moved, Notify, Over, Planned, RunEvent
from underbudget.search.experiments.run_spec import RunSpec
from underbudget.search.session.signals import StoppedError

if TYPE_CHECKING:
    from rich.progress import TaskID


@contextmanager
def showing(quiet: bool, introduce: Callable[[Planned], None] = lambda planned: None) -> Iterator[Notify]:
    """Shows the events of an experiment, what is planned by `introduce`. Ctrl-C keeps finished runs."""
    folder: Path | None = None
    shown = Display() if quiet else Bars() if console().is_terminal else Lines()

    def notify(event: Event) -> None:
        nonlocal folder
        match event:
            case str() if not quiet:
                say(event)
            case Planned():
                folder = event.folder
                if not quiet:
                    introduce(event)
            case RunEvent():
                shown(event)

    try:
        with shown:
            yield notify
    except KeyboardInterrupt as stop:
        if folder is None:
            raise
        raise StoppedError(
            f"stopped; finished runs are kept in {folder}, the same command goes on with the others"
        ) from stop


class Lines(Display):
    """A line per epoch and per finished run."""

    def __call__(self, event: RunEvent) -> None:
        spec, name = event.spec, label(event.spec)
        match event:
            case Kept(run=run):
                say(f"{name}: kept, {run.data.part} accuracy {run.last:.2f} %")
            case Moved(message=EpochDone() as told):
                watched = "trained-on" if spec.protocol == "confirm" else evaluated_part(spec.protocol)
                say(
                    f"{name} epoch {told.epoch:>2}/{spec.recipe.epochs}: train loss {told.train_loss:.4f}, "
                    f"accuracy {told.train_accuracy:.2f} %; {watched} loss {told.val_loss:.4f}, "
                    f"accuracy {told.val_accuracy:.2f} %; {told.seconds:.1f} s"
                )
            case Over(run=run):
                chosen = ", chosen on test" if run.data.part == "test" else ""
                say(
                    f"{name}: {run.data.part} accuracy {run.last:.2f} % after the last epoch, best epoch "
                    f"{run.best.accuracy:.2f} % (epoch {run.best.epoch}{chosen}), {len(run.missed):,} of "
                    f"{run.data.judged:,} misclassified, {duration(run.seconds)}"
                )
            case Lost():
                say(f"{name} failed: {event.reason}" + ("" if event.final else "; it is tried once more"))


class Bars(Lines):
    """A bar per epoch of each run that is computed, with loss, batch, running accuracy and speed; lines above."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        description, note = (TextColumn(f"{{task.{name}}}", markup=False) for name in ("description", "fields[note]"))
        self.drawn = self._progress = Progress(
            description, BarColumn(bar_width=24), note, console=console(), transient=True, refresh_per_second=8
        )
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: RunEvent) -> None:
        spec = event.spec
        match event:
            case Begun():
                self._tasks[spec.key] = self._progress.add_task(label(spec), total=None, note="waiting")
            case Moved(_, StepsDone() as told):
                speed = told.step / told.seconds if told.seconds > 0 else 0
                self._progress.update(
                    self._tasks[spec.key],
                    description=f"{label(spec)} epoch {told.epoch}/{spec.recipe.epochs}",
                    total=told.steps,
                    completed=told.step,
                    note=f"loss {told.train_loss:.4f}  batch {told.step}/{told.steps}  "
                    f"accuracy {told.train_accuracy:.2f} %  {speed:.1f} batches/s",
                )
            case Over() | Lost():
                self._progress.remove_task(self._tasks.pop(spec.key))
        super().__call__(event)


def label(spec: RunSpec) -> str:
    """The run in a few words."""
    return spec.key.replace("/", " ").replace("seed-", "seed ")
