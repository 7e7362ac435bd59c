"""Computes the runs of an experiment: several seeds and networks at a time, each stored as soon as it is over.

A run is one JSON file (reports/runs.py) and one safetensors file. A stored run is not trained again, so a
command that was stopped goes on where it was; one of other conditions is an error.
"""

import contextlib
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from underbudget.budget.count import count
from underbudget.models import weights
from underbudget.models.errors import UnderbudgetError, UserError
from underbudget.models.files import write_atomically
from underbudget.models.plan import plan
from underbudget.reports.record import Epoch
from underbudget.reports.runs import Data, Evaluated, Misclassification, Run, to_json
from underbudget.search.data.protocol import evaluated_part, training_images
from underbudget.search.data.protocol import test_set_accesses as accesses_of
from underbudget.search.engines.job import Engine, EpochDone, Failed, Finished, Job, StepsDone
from underbudget.search.experiments import test_set_accesses
from underbudget.search.experiments.archive import Archive, check_writable
from underbudget.search.experiments.events import Begun, Kept, Lost, Moved, Notify, Over, Planned
from underbudget.search.experiments.run_spec import RunSpec
from underbudget.search.experiments.setup import Setup
from underbudget.search.training import recipe_json

ATTEMPTS = 2  # of a run that failed for a reason that may pass, such as a dead worker


@dataclass(frozen=True)
class Completed:
    """What became of the runs."""

    runs: dict[str, Run]  # by key, in the order of the specs
    lost: dict[str, str]  # why a run failed, by key

    def all(self) -> dict[str, Run]:
        """All runs. Raises UnderbudgetError where one is lost; the others are stored by then."""
        for key, reason in self.lost.items():
            raise UnderbudgetError(
                f"{len(self.lost)} of {len(self.runs) + len(self.lost)} runs failed, the first ({key}): {reason}; "
                f"{len(self.runs)} are finished and kept"
            )
        return self.runs

    def of(self, specs: Sequence[RunSpec]) -> tuple[tuple[Run, ...], list[str]]:
        """The finished ones of these runs, and why the others failed."""
        keys = [spec.key for spec in specs]
        runs = tuple(self.runs[key] for key in keys if key in self.runs)
        return runs, [self.lost[key] for key in keys if key in self.lost]


@dataclass
class _RunUnderway:
    spec: RunSpec
    attempt: int = 1
    curve: list[Epoch] = field(default_factory=list)


def complete(
    specs: Sequence[RunSpec],
    setup: Setup,
    folder: Path,
    command: str,
    notify: Notify = lambda event: None,
    archive: Archive | None = None,
) -> Completed:
    """Finish all runs: those that the archive (by default the folder's files) does not have yet are trained.

    command: who reads the test set, for the ledger. Raises UserError where a stored run has other conditions or the
    folder cannot be written.
    """
    archive = archive or Archive(setup.dataset, folder)
    notify(Planned(specs, setup, folder))
    done: dict[str, Run] = {}
    for spec in specs:
        if (found := archive.find(spec)) is not None:
            done[spec.key] = found
            notify(Kept(spec, found))
    missing = [spec for spec in specs if spec.key not in done]
    if not missing:
        return Completed(done, {})
    check_writable(folder)
    try:
        with contextlib.closing(setup.engine(len(missing))) as engine:
            session = _Session(engine, missing, setup, command, notify, archive)
            done |= session.run()
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror or error}): give another --output") from error
    return Completed({spec.key: done[spec.key] for spec in specs if spec.key in done}, session.lost)


class _Session:
    """Runs that go through one engine."""

    def __init__(
        self, engine: Engine, specs: Sequence[RunSpec], setup: Setup, command: str, notify: Notify, archive: Archive
    ) -> None:
        self._engine, self._setup, self._command = engine, setup, command
        self._notify, self._archive = notify, archive
        self._waiting = deque(enumerate(_RunUnderway(spec) for spec in specs))
        self._underway: dict[int, _RunUnderway] = {}
        self._done: dict[str, Run] = {}
        self.lost: dict[str, str] = {}

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

    def _submit(self, number: int, underway: _RunUnderway) -> None:
        spec = underway.spec
        self._underway[number] = underway
        network, recipe, dataset = str(spec.architecture), recipe_json.to_json(spec.recipe), self._setup.dataset
        data = (str(dataset.folder), dataset.info.fingerprint)
        device = self._setup.device.partition(",")[0]  # of several GPUs the engine chooses itself
        job = Job(number, network, recipe, spec.seed, *data, device, protocol=spec.protocol, detailed=True)
        self._engine.submit(job)
        self._notify(Begun(spec))

    def _take(self, underway: _RunUnderway, message: Any) -> None:
        spec = underway.spec
        if isinstance(message, EpochDone):
            underway.curve.append(Epoch(**{name: value for name, value in vars(message).items() if name != "trial"}))
        match message:
            case EpochDone() | StepsDone():
                self._notify(Moved(spec, message))
            case Finished():
                del self._underway[message.trial]
                self._done[spec.key] = self._store(underway, message)
                self._notify(Over(spec, self._done[spec.key]))
            case Failed():
                del self._underway[message.trial]
                self._note_unfinished(underway)
                final = not message.transient or underway.attempt >= ATTEMPTS
                if final:
                    self.lost[spec.key] = message.reason
                else:
                    self._waiting.append((message.trial, _RunUnderway(spec, underway.attempt + 1)))
                self._notify(Lost(spec, message.reason, final))

    def _store(self, underway: _RunUnderway, message: Finished) -> Run:
        """Write a run's weights, then its record: a record that is there has its weights."""
        spec, info, evaluation = underway.spec, self._setup.dataset.info, message.evaluation
        assert evaluation is not None, "the job was detailed"
        assert message.mean is not None
        assert message.std is not None
        times = self._note_accesses(underway)
        self._archive.check()
        data = weights.from_text(message.weights)
        curve = [Evaluated(**epoch) for epoch in evaluation["curve"]]
        if spec.protocol != "confirm":  # the evaluated part was monitored after each epoch
            curve = [Evaluated(epoch.epoch, epoch.val_loss, epoch.val_accuracy) for epoch in underway.curve]
        cost = count(plan(spec.architecture, info.input_shape, len(info.classes)))
        run = Run(
            name=spec.name,
            id=spec.architecture.id,
            layers_text=str(spec.architecture),
            params=cost.params,
            macs=cost.macs,
            recipe=recipe_json.to_json(spec.recipe),
            seed=spec.seed,
            protocol=spec.protocol,
            data=Data(
                name=info.name,
                checksum=info.checksum,
                input_shape=info.input_shape,
                classes=info.classes,
                mean=tuple(message.mean),
                std=tuple(message.std),
                trained=training_images(self._setup.dataset, spec.protocol),
                part=evaluated_part(spec.protocol),
                judged=evaluation["images"],
                frontend=info.frontend,
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
            weights_file=Path(f"{spec.key}.safetensors").name,
            weights_sha256=weights.sha256(data),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        write_atomically(self._archive.folder / f"{spec.key}.safetensors", data)
        text = json.dumps(to_json(run), indent=1, ensure_ascii=False) + "\n"
        write_atomically(self._archive.folder / f"{spec.key}.json", text.encode())
        self._archive.keep(spec, run)
        return run

    def _note_unfinished(self, underway: _RunUnderway) -> None:
        """Record the test-set accesses of a run that was stopped or failed. Under `confirm`, one whose epochs are over
        may have died before its only access or after it: it counts."""
        if underway.spec.protocol != "confirm" or len(underway.curve) == underway.spec.recipe.epochs:
            self._note_accesses(underway)

    def _note_accesses(self, underway: _RunUnderway) -> int:
        """Add the test-set accesses of a run to the ledger; how many they are."""
        spec, epochs = underway.spec, len(underway.curve)
        times, subject = accesses_of(spec.protocol, epochs), spec.name or str(spec.architecture)
        test_set_accesses.note(self._setup.dataset.folder, self._command, subject, spec.seed, times, epochs)
        return times
