"""The study as sampler and pruner see it: an Optuna study in memory that follows the stored one, trial for trial.

The stored study is for people: parameters and percent. The model wants logarithms, an estimate for what was stopped
early, and no database read at each ask. Trials stand here in the order of their numbers, not of their ends, so that a
resumed search sees exactly what an uninterrupted one would.
"""

import math
from collections.abc import Container, Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from underbudget.reports.front import pareto
from underbudget.reports.optuna_logging import quiet_optuna
from underbudget.search.study.objective import Objective, log_error

WINDOW = 200  # trials that the model sees at most, besides the front


class _Window(optuna.storages.InMemoryStorage):
    """Shows the last WINDOW trials of the states asked for, and of those before the ones that no trial beats. TPE's
    time grows with the trials it sees (0.2 s per ask at 1,000), and it gives old ones little weight anyway."""

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        trials = super().get_all_trials(study_id, deepcopy, states)
        if len(trials) <= WINDOW:
            return trials
        recent = trials[-WINDOW:]
        return [*_front(trials[:-WINDOW], recent), *recent]


def _front(old: Sequence[FrozenTrial], recent: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Those of the old trials that no trial beats, in their order. All values are minimised."""
    complete = (trial for trial in (*old, *recent) if trial.state == TrialState.COMPLETE)
    by_number = sorted(complete, key=lambda trial: trial.number)
    best = pareto(by_number, lambda trial: trial.values[:-1], lambda trial: trial.values[-1])
    kept = {trial.number for trial in best}
    return [trial for trial in old if trial.number in kept]


class SamplerStudy:
    """Follows one study. Numbers are those of the stored study."""

    def __init__(self, objective: Objective, images: int) -> None:
        self.trained = 0  # complete and stopped trials
        self._objective, self._images = objective, images
        self._numbers: dict[int, int] = {}  # number in the stored study -> number here
        self._storage = _Window()  # where a trial's id is its number
        with quiet_optuna():
            self.study = optuna.create_study(
                storage=self._storage,
                directions=["minimize"] * len(objective.metrics),
                sampler=optuna.samplers.RandomSampler(0),
            )

    def add(self, trial: FrozenTrial, number: int) -> None:
        """A proposal, running or already rejected; again, where it is checked once more after a crash."""
        attributes = {"record": {"cost": trial.user_attrs["record"]["cost"]}} if "record" in trial.user_attrs else {}
        rejected = trial.state == TrialState.PRUNED and "stop" not in trial.user_attrs
        if number in self._numbers:
            for key, value in attributes.items():
                self._storage.set_trial_user_attr(self._numbers[number], key, value)
            if rejected:
                self.study.tell(self._numbers[number], state=TrialState.PRUNED)
            return
        self._numbers[number] = len(self._numbers)
        self.study.add_trial(
            create_trial(
                state=TrialState.PRUNED if rejected else TrialState.RUNNING,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs=attributes,
                constraints=trial.constraints,
            )
        )

    def epoch(self, number: int, curve: list[dict[str, Any]]) -> FrozenTrial:
        """A running trial's learning curve so far; the trial, as a pruner takes it."""
        here = self._numbers[number]
        self._storage.set_trial_user_attr(here, "curve", curve)
        return self._storage.get_trial(here)

    def end(self, number: int, accuracy: float | None) -> None:
        """A trial has ended with this score, measured or (stopped early) estimated, in percent; None: it failed."""
        here = self._numbers[number]
        if accuracy is None or not math.isfinite(accuracy):
            self.study.tell(here, state=TrialState.FAIL)
            return
        cost = self._storage.get_trial(here).user_attrs["record"]["cost"]
        self.study.tell(here, self._objective.modelled(cost, log_error(accuracy, self._images)))
        self.trained += 1

    def follow(self, trial: FrozenTrial, state: str) -> None:
        """Take over a trial that an earlier session stored, in the order of the numbers."""
        attributes: Mapping[str, Any] = trial.user_attrs
        self.add(trial, trial.number)
        if state in ("rejected", "running") or (state == "stopped" and "stop" not in attributes):
            return
        if "curve" in attributes:
            self.epoch(trial.number, attributes["curve"])
        accuracy = None  # also of what another program told, without a record of ours
        if state == "complete" and "record" in attributes and "result" in attributes:
            accuracy = attributes["result"]["score"]
        elif state == "stopped":
            accuracy = attributes["stop"]["estimate"]
        self.end(trial.number, accuracy)
