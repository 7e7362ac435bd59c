"""Runs that are judged: several seeds and networks at a time, each stored as soon as it is over.

A run is one JSON file (reports/runs.py) and one safetensors file. What is stored already is not trained again, so a
command that was stopped goes on where it was; a stored run of other conditions is never taken for the asked one.
"""

import contextlib
import json
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from underbudget.budget.count import count
from underbudget.models import weights
from underbudget.models.errors import UnderbudgetError
from underbudget.models.files import write_atomically
from underbudget.models.plan import plan
from underbudget.reports.record import Epoch
from underbudget.reports.runs import Data, Evaluated, Misclassification, Run, to_json
from underbudget.search.data.protocol import evaluated_part, training_images
from underbudget.search.data.protocol import test_set_accesses as accesses_of
from underbudget.search.data.store import Dataset
from underbudget.search.engines.job import Engine, EpochDone, Failed, Finished, Job, StepsDone
from underbudget.search.experiments import test_set_accesses
from underbudget.search.experiments.run_spec import RunSpec, check_writable, stored
from underbudget.search.training import recipe as recipes

log = logging.getLogger(__name__)

ATTEMPTS = 2  # of a run that failed for a reason that may pass, such as a dead worker


@dataclass(frozen=True)
class Kept:
    """A run was there already."""

    spec: RunSpec
    run: Run


@dataclass(frozen=True)
class Begun:
    """A run was handed to the engine."""

    spec: RunSpec


@dataclass(frozen=True)
class Moved:
    """A run is further within an epoch, or one epoch further."""

    spec: RunSpec
    message: StepsDone | EpochDone


@dataclass(frozen=True)
class Over:
    """A run is finished and stored."""

    spec: RunSpec
    run: Run


@dataclass(frozen=True)
class Lost:
    """A run failed. `final`: it is not tried again."""

    spec: RunSpec
    reason: str
    final: bool


Event = Kept | Begun | Moved | Over | Lost


@dataclass
class _Underway:
    spec: RunSpec
    attempt: int = 1
    curve: list[Epoch] = field(default_factory=list)


def complete(
    specs: Sequence[RunSpec],
    dataset: Dataset,
    folder: Path,
    engine: Callable[[int], Engine],
    device: str = "cpu",
    command: str = "train",
    notify: Callable[[Event], None] = lambda event: None,
    keep: Callable[[RunSpec, Run], None] = lambda spec, run: None,
    known: Callable[[RunSpec], Run | None] | None = None,
    failed: Callable[[RunSpec, str], None] | None = None,
) -> dict[str, Run]:
    """The runs of all orders by key, trained where they are not stored yet.

    engine: makes an engine for so many jobs; called only where something is to be trained. command: who reads the test
    set, for the ledger. keep: gets each new run once its files are written.
    known: where stored runs are looked up instead of in the folder's files. failed: gets each run that came to nothing,
    with its reason; the result then lacks it, and nothing is raised for it.

    Raises UserError where a stored run has other conditions, UnderbudgetError where runs failed; those that came to
    their end are stored by then.
    """
    look = known or (lambda spec: stored(spec, dataset, folder))
    done: dict[str, Run] = {}
    for spec in specs:
        found = look(spec)
        if found is not None:
            done[spec.key] = found
            notify(Kept(spec, found))
    missing = [spec for spec in specs if spec.key not in done]
    if not missing:
        return done
    check_writable(folder)
    with contextlib.closing(engine(len(missing))) as made:
        session = _Session(made, missing, dataset, folder, device, command, notify, keep)
        done |= session.run()
    for spec, reason in session.failures:
        if failed is None:
            finished = len(specs) - len(session.failures)
            raise UnderbudgetError(
                f"{len(session.failures)} of {len(specs)} runs failed, the first ({spec.key}): {reason}; "
                f"{finished} are finished and kept"
            )
        failed(spec, reason)
    return {spec.key: done[spec.key] for spec in specs if spec.key in done}


class _Session:
    """Orders that go through one engine."""

    def __init__(
        self,
        engine: Engine,
        specs: Sequence[RunSpec],
        dataset: Dataset,
        folder: Path,
        device: str,
        command: str,
        notify: Callable[[Event], None],
        keep: Callable[[RunSpec, Run], None],
    ) -> None:
        self._engine, self._dataset, self._folder = engine, dataset, folder
        self._device = device.partition(",")[0]  # of several GPUs the engine chooses itself
        self._command, self._notify, self._keep = command, notify, keep
        self._waiting = deque(enumerate(_Underway(spec) for spec in specs))
        self._underway: dict[int, _Underway] = {}
        self._done: dict[str, Run] = {}
        self.failures: list[tuple[RunSpec, str]] = []

    def run(self) -> dict[str, Run]:
        try:
            while self._waiting or self._underway:
                while self._waiting and len(self._underway) < self._engine.slots:
                    self._submit(*self._waiting.popleft())
                for message in self._engine.wait(1.0):
                    if (underway := self._underway.get(message.trial)) is not None:
                        self._take(underway, message)
        finally:
            for underway in self._underway.values():
                self._note_unfinished(underway)
        return self._done

    def _submit(self, number: int, underway: _Underway) -> None:
        spec = underway.spec
        self._underway[number] = underway
        self._engine.submit(
            Job(
                number,
                str(spec.architecture),
                recipes.to_json(spec.recipe),
                spec.seed,
                str(self._dataset.folder),
                self._dataset.info.checksum,
                self._device,
                protocol=spec.protocol,
                detailed=True,
            )
        )
        self._notify(Begun(spec))

    def _take(self, underway: _Underway, message: Any) -> None:
        spec = underway.spec
        match message:
            case EpochDone():
                fields = {name: value for name, value in message.__dict__.items() if name != "trial"}
                underway.curve.append(Epoch(**fields))
                self._notify(Moved(spec, message))
            case StepsDone():
                self._notify(Moved(spec, message))
            case Finished():
                del self._underway[message.trial]
                run = self._store(underway, message)
                self._done[spec.key] = run
                self._notify(Over(spec, run))
            case Failed():
                del self._underway[message.trial]
                self._note_unfinished(underway)
                final = not message.transient or underway.attempt >= ATTEMPTS
                if final:
                    self.failures.append((spec, message.reason))
                else:
                    self._waiting.append((message.trial, _Underway(spec, underway.attempt + 1)))
                self._notify(Lost(spec, message.reason, final))

    def _store(self, underway: _Underway, message: Finished) -> Run:
        """Write a run's weights, then its record: a record that is there has its weights."""
        spec, info, evaluation = underway.spec, self._dataset.info, message.evaluation
        assert evaluation is not None, "the job was detailed"
        assert message.mean is not None
        assert message.std is not None
        times = accesses_of(spec.protocol, len(underway.curve))
        self._note_access(spec, times, len(underway.curve))
        data = weights.from_text(message.weights)
        curve = [Evaluated(**epoch) for epoch in evaluation["curve"]]
        if spec.protocol != "confirm":  # the judged part was watched after each epoch
            curve = [Evaluated(epoch.epoch, epoch.val_loss, epoch.val_accuracy) for epoch in underway.curve]
        network = plan(spec.architecture, info.input_shape, len(info.classes))
        cost = count(network)
        run = Run(
            name=spec.name,
            id=spec.architecture.id,
            layers_text=str(spec.architecture),
            params=cost.params,
            macs=cost.macs,
            recipe=recipes.to_json(spec.recipe),
            seed=spec.seed,
            protocol=spec.protocol,
            data=Data(
                name=info.name,
                checksum=info.checksum,
                input_shape=info.input_shape,
                classes=info.classes,
                mean=tuple(message.mean),
                std=tuple(message.std),
                trained=training_images(self._dataset, spec.protocol),
                part=evaluated_part(spec.protocol),
                judged=evaluation["images"],
            ),
            curve=tuple(underway.curve),
            judged=tuple(curve),
            confusion=evaluation["confusion"],
            missed=tuple(Misclassification(*each) for each in evaluation["missed"]),
            readings=times,
            seconds=message.seconds,
            path=message.backend,
            device=message.device,
            hardware=message.hardware,
            versions=message.versions,
            weights_file=Path(spec.weights_file).name,
            weights_sha256=weights.sha256(data),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        write_atomically(self._folder / spec.weights_file, data)
        text = json.dumps(to_json(run), indent=1, ensure_ascii=False) + "\n"
        write_atomically(self._folder / spec.record_file, text.encode())
        self._keep(spec, run)
        return run

    def _note_unfinished(self, underway: _Underway) -> None:
        """What a run that was stopped or failed read of the test labels, it has read. One under `confirm` whose epochs
        are over may have died before its reading or after; it counts as read."""
        spec, epochs = underway.spec, len(underway.curve)
        if spec.protocol != "confirm" or epochs == spec.recipe.epochs:
            self._note_access(spec, accesses_of(spec.protocol, epochs), epochs)

    def _note_access(self, spec: RunSpec, times: int, epochs: int) -> None:
        network_spec = spec.name or str(spec.architecture)
        test_set_accesses.note(self._dataset.folder, self._command, network_spec, spec.seed, times, epochs)
