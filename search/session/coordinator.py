"""The one loop that owns a study: propose, submit, store what comes back, until the goal is reached.

Workers train; this process alone writes the database. A worker cannot end the search, whatever happens to it, unless
no worker can be started at all.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from underbudget.models import weights
from underbudget.models.errors import UnderbudgetError
from underbudget.models.files import write_atomically
from underbudget.reports import record
from underbudget.reports.record import Epoch, Proposal, Result
from underbudget.search.engines.job import Engine, EpochDone, Failed, Finished, Job, Message
from underbudget.search.progress import Ended, EpochOver, Notify, Progress, Rejected, Started, Tick
from underbudget.search.sampling.optuna_private import live_trial
from underbudget.search.sampling.proposer import Proposer, stored_state
from underbudget.search.sampling.samplers import Sampler
from underbudget.search.stopping import StopDecision, Stopping, stopping
from underbudget.search.study.settings import Settings

if TYPE_CHECKING:
    import optuna

log = logging.getLogger(__name__)

PATIENCE = 200  # proposals in a row without a new feasible network that end a search
FAILURES = 10  # trials in a row that failed, with none completing, that end a search
_TOLD = {"complete": "COMPLETE", "stopped": "PRUNED", "failed": "FAIL"}  # to Optuna


@dataclass
class Limits:
    """When a session ends. `stop` may be set at any time, from a signal handler too."""

    trials: int  # complete and stopped trials of the study
    seconds: float = math.inf
    stop: str = ""  # why to stop, "" to go on
    at_once: bool = False  # whether an interrupt may come at once, since nothing is being written


@dataclass(frozen=True)
class Conditions:
    """What a session searches and trains with."""

    dataset: Path  # folder of the prepared data set
    folder: Path  # of the study
    device: str = "cpu"
    sampler: str | Sampler = "tpe"
    early: Stopping = Stopping()  # noqa: RUF009, frozen
    check: Callable[[], None] = lambda: None  # raises where the study is not in its place any more


@dataclass(frozen=True)
class Outcome:
    reached: bool  # the asked number of trials is there
    why: str  # one sentence
    in_time_limit: bool = False  # ended by the time limit that was asked for


@dataclass
class _Underway:
    trial: "optuna.trial.Trial"
    proposal: Proposal
    curve: list[Epoch] = field(default_factory=list)


class Coordinator:
    """One session of a study."""

    def __init__(
        self,
        study: "optuna.Study",
        settings: Settings,
        engine: Engine,
        limits: Limits,
        conditions: Conditions,
        notify: Notify = lambda event, progress: None,
    ) -> None:
        self.study = study
        self.settings = settings
        self.engine = engine
        self.limits = limits
        self.progress = Progress(limits.trials, settings.epochs, settings.objective.minimize)
        self._conditions = conditions
        self._notify = notify
        self._proposer = Proposer(study, settings, conditions.sampler)
        images = settings.dataset.counts["validation"]
        self._stopping = stopping(conditions.early, settings.objective, settings.epochs, images)
        self._underway: dict[int, _Underway] = {}
        self._inbox: deque[Message] = deque()
        self._barren = 0
        self._failures: list[str] = []  # reasons of the trials that failed in a row
        self._left_running = self._take_stock()

    def run(self) -> Outcome:
        """Search until the goal, the time limit or a stop; running trials are left for the next session.

        A free slot is filled before the next result is processed: so the sampler has always seen the same results, no
        matter how many came meanwhile, and a search with one worker is repeatable.
        """
        deadline = time.monotonic() + self.limits.seconds
        while True:
            self._conditions.check()
            if self.limits.stop:
                return Outcome(False, self.limits.stop)
            if time.monotonic() >= deadline:
                return Outcome(False, "the time limit is reached", True)
            if len(self._failures) >= FAILURES:
                return Outcome(False, f"{FAILURES} trials in a row failed, the last one: {self._failures[-1]}")
            busy = len(self._underway)
            is_wanted = busy < self.engine.slots and self.progress.done + busy < self.limits.trials
            if is_wanted and self._barren < PATIENCE:
                self._fill()
                self._inbox.extend(self.engine.wait(0))
            elif self._inbox:
                self._handle(self._inbox.popleft())
            elif not self._underway:
                return self._outcome()
            else:
                self._inbox.extend(self.engine.wait(min(1.0, max(0.0, deadline - time.monotonic()))))
                self._notify(Tick(), self.progress)

    def _fill(self) -> None:
        """One more proposal, and its job if the gate lets it through. Trials left running come first."""
        if self._left_running:
            left = self._left_running.pop(0)
            try:
                checked = self._proposer.repeat(left)
            except UnderbudgetError as error:  # counted otherwise by another version: this trial can't be compared
                self._close_uncounted(left, str(error))
                return
        else:
            checked = self._proposer.propose()
            self.progress.proposed += 1
        if checked.trial is None:
            self._barren += 1
            self.progress.rejected += 1
            self._notify(Rejected(checked.number, checked.proposal.cost.params, checked.reason), self.progress)
            return
        self._barren = 0
        self._submit(checked.trial, checked.proposal)

    def _close_uncounted(self, left: "optuna.trial.FrozenTrial", reason: str) -> None:
        import optuna

        log.warning("trial %d is given up: %s", left.number, reason)
        live_trial(self.study, left).set_user_attr("verdict", record.verdict("failed", reason))
        self.study.tell(left.number, state=optuna.trial.TrialState.FAIL)
        self.progress.failed += 1

    def _submit(self, trial: "optuna.trial.Trial", proposal: Proposal) -> None:
        number = trial.number
        self._underway[number] = _Underway(trial, proposal)
        self.progress.running[number] = 0
        if self.progress.first_job is None:
            self.progress.first_job = time.monotonic()
        data, device = str(self._conditions.dataset), self._conditions.device
        described = self.settings.dataset.fingerprint
        self.engine.submit(Job(number, proposal.layers_text, proposal.recipe, proposal.seed, data, described, device))
        self._notify(Started(number, proposal.cost.params, proposal.layers_text), self.progress)

    def _handle(self, message: Message) -> None:
        underway = self._underway.get(message.trial)
        if underway is None:
            log.warning("a message about trial %d, which is not running, was ignored", message.trial)
            return
        match message:
            case EpochDone():
                self._store_epoch(underway, message)
            case Finished():
                self._finish(underway, message)
            case Failed():
                self._fail(underway, message.reason, message.transient)

    def _store_epoch(self, underway: _Underway, message: EpochDone) -> None:
        fields = dict(message.__dict__)
        number = fields.pop("trial")
        underway.curve.append(Epoch(**fields))
        curve = [record.to_json(epoch) for epoch in underway.curve]
        underway.trial.set_user_attr("curve", curve)
        self.progress.running[number] = message.epoch
        self.progress.session_epochs += 1
        self._notify(EpochOver(number, message.epoch, message.val_accuracy), self.progress)
        seen = self._proposer.sampler_study.epoch(number, curve)
        if self._stopping is not None and (stop := self._stopping.decide(self._proposer.sampler_study.study, seen)):
            self._stop(underway, stop)

    def _stop(self, underway: _Underway, stop: StopDecision) -> None:
        """End a trial early. Its worker may be an epoch ahead by now: further messages are ignored."""
        self.engine.stop(underway.trial.number)
        underway.trial.set_user_attr("stop", record.to_json(record.Stop(stop.epoch, stop.estimate)))
        self._failures.clear()
        self.progress.stopped += 1
        self.progress.saved += self.settings.epochs - stop.epoch
        self._end(underway, "stopped", stop.reason, stop.estimate)

    def _finish(self, underway: _Underway, message: Finished) -> None:
        score = record.score([epoch.val_accuracy for epoch in underway.curve])
        data = weights.from_text(message.weights)
        name = f"models/trial-{message.trial}.safetensors"
        self._conditions.check()
        write_atomically(self._conditions.folder / name, data)
        result = Result(
            score,
            len(underway.curve),
            message.seconds,
            message.confusion,
            name,
            weights.sha256(data),
            message.backend,
            message.device,
            message.hardware,
            message.versions,
            self.settings.dataset.checksum,
        )
        underway.trial.set_user_attr("result", record.to_json(result))
        self._failures.clear()
        self.progress.complete += 1
        self.progress.points.append((self.settings.objective.cost(underway.proposal.cost), score, message.trial))
        self._end(underway, "complete", score=score, seconds=message.seconds)

    def _fail(self, underway: _Underway, reason: str, transient: bool) -> None:
        proposal = underway.proposal
        self._proposer.forget(proposal)
        if transient and proposal.retry_of is None:
            # Before the study is told: a crash in between costs only a rejected twin.
            self._proposer.retry(underway.trial, proposal)
            self._barren = 0
        self._failures.append(reason)
        self.progress.failed += 1
        self._end(underway, "failed", reason)

    def _end(
        self,
        underway: _Underway,
        state: str,
        reason: str = "",
        score: float | None = None,
        seconds: float | None = None,
    ) -> None:
        """Store and tell how a trial ended. score: of a stopped one the estimate; seconds: by default its epochs'."""
        import optuna

        trial, cost, number = underway.trial, underway.proposal.cost, underway.trial.number
        trial.set_user_attr("verdict", record.verdict(state, reason))
        reached = score if state == "complete" else None
        values = None if reached is None else self.settings.objective.values(cost, reached)
        self.study.tell(trial, values, state=optuna.trial.TrialState[_TOLD[state]])
        self._proposer.sampler_study.end(number, score)
        del self._underway[number]
        del self.progress.running[number]
        if seconds is None:
            seconds = sum(epoch.seconds for epoch in underway.curve)
        self._notify(Ended(number, state, reason, cost.params, reached, seconds), self.progress)

    def _outcome(self) -> Outcome:
        if self.progress.done >= self.limits.trials:
            return Outcome(True, f"{self.progress.done} {'trial is' if self.progress.done == 1 else 'trials are'} done")
        return Outcome(
            False,
            f"{PATIENCE} proposals in a row brought no new network under {self.settings.budget}: "
            "the space holds no more that the sampler finds, widen it with a [space] table or raise the budget",
        )

    def _take_stock(self) -> "list[optuna.trial.FrozenTrial]":
        """Count what earlier sessions left; the trials they left running."""
        left = []
        for trial in self.study.get_trials(deepcopy=False):
            if trial.state.name == "WAITING":
                continue  # enqueued, not yet proposed
            self.progress.proposed += 1
            state, _ = stored_state(trial)
            match state:
                case "running":
                    left.append(trial)
                case "complete":
                    self.progress.complete += 1
                    if "record" in trial.user_attrs and "result" in trial.user_attrs:  # else it is another program's
                        cost = self.settings.objective.cost(trial.user_attrs["record"]["cost"])
                        self.progress.points.append((cost, trial.user_attrs["result"]["score"], trial.number))
                case "stopped":
                    self.progress.stopped += 1
                    if "stop" in trial.user_attrs:
                        self.progress.saved += self.settings.epochs - trial.user_attrs["stop"]["epoch"]
                case "rejected":
                    self.progress.rejected += 1
                case _:
                    self.progress.failed += 1
        return left
