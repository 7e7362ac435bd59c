"""Finalists confirmed on fresh seeds: what their runs say together, as rows and JSON."""

from collections import defaultdict
from dataclasses import astuple, dataclass
from typing import Any

from underbudget.models.errors import UserError
from underbudget.reports.record import StudyRecord, TrialRecord
from underbudget.reports.runs import HOLDING_EPOCHS, OverSeeds, Run, conditions_json, from_json, holding
from underbudget.reports.statistics import rank_correlation

FILES = {"page": "index.html", "table": "confirmed.csv", "runs": "runs.csv", "report": "confirmed.json"}


@dataclass(frozen=True)
class Confirmed(OverSeeds):
    """A finalist and its runs, at least one."""

    trial: TrialRecord
    runs: tuple[Run, ...]

    @property
    def score(self) -> float:
        """The search's score of the trial."""
        return self.trial.score or 0.0


@dataclass(frozen=True)
class Confirmation:
    """All finalists of a study, the highest search score first."""

    study: str
    finalists: tuple[Confirmed, ...]
    target: float | None = None
    last: int = HOLDING_EPOCHS

    @property
    def runs(self) -> tuple[Run, ...]:
        return tuple(run for one in self.finalists for run in one.runs)

    @property
    def correlation(self) -> float | None:
        """Spearman's rho of search score and confirmed mean; None for fewer than three finalists."""
        return rank_correlation([one.score for one in self.finalists], [one.last.mean for one in self.finalists])

    @property
    def readings(self) -> int:
        """Test-set accesses of these runs."""
        return sum(run.readings for run in self.runs)

    def holding(self, one: Confirmed) -> int | None:
        """How many seeds of a finalist hold the target; None without one."""
        return None if self.target is None else sum(run.holds(self.target, self.last) for run in one.runs)

    def closing(self) -> str | None:
        """How many seeds of the search's winner hold the target, in words; None without a target."""
        if self.target is None:
            return None
        return holding(self.finalists[0].runs, self.target, self.last)


def confirmation_of(study: StudyRecord, target: float | None = None) -> Confirmation | None:
    """The runs on fresh seeds that the study holds, the highest search score first; None without any. Raises UserError
    for runs of another version."""
    runs: dict[int, list[Run]] = defaultdict(list)
    for stored in study.confirmations:
        try:
            run = from_json(stored)
        except UserError:
            raise
        except ValueError as error:
            raise UserError(f"a confirmation of the study {study.name} is no record of a run ({error})") from None
        _, _, trial = (run.name or "").rpartition(":")
        if trial.isdecimal():
            runs[int(trial)].append(run)
    finalists = [Confirmed(trial, tuple(runs[trial.trial])) for trial in study.trials if trial.trial in runs]
    finalists.sort(key=lambda one: (-one.score, one.trial.trial))
    return Confirmation(study.name, tuple(finalists), target) if finalists else None


def rows(confirmation: Confirmation) -> list[dict[str, Any]]:
    """A row per finalist: last-epoch test accuracy over the seeds, percent; `low` and `high` are Student's 95 %
    interval."""
    return [
        {
            "trial": one.trial.trial,
            "params": one.runs[0].params,
            "search_score": one.score,
            **dict(zip(("seeds", "mean", "sd", "min", "max", "low", "high"), astuple(one.last), strict=True)),
            "mean_best_epoch_chosen_on_test": one.best.mean,
            "seeds_that_hold_target": confirmation.holding(one),
            "layers_text": one.runs[0].layers_text,
        }
        for one in confirmation.finalists
    ]


def run_rows(confirmation: Confirmation) -> list[dict[str, Any]]:
    """A row per run."""
    return [
        {
            "trial": one.trial.trial,
            "seed": run.seed,
            "last": run.last,
            "best_epoch_chosen_on_test": run.best.accuracy,
            "best_epoch": run.best.epoch,
            "last_epochs": " ".join(f"{epoch.accuracy:.2f}" for epoch in run.judged[-confirmation.last :]),
            "misclassified": len(run.missed),
            "seconds": run.seconds,
            "readings": run.readings,
        }
        for one in confirmation.finalists
        for run in one.runs
    ]


def to_json(confirmation: Confirmation) -> dict[str, Any]:
    """What `confirm --json` prints and confirmed.json holds (docs/experiments.md)."""
    return {
        "study": confirmation.study,
        "finalists": rows(confirmation),
        "runs": run_rows(confirmation),
        "rank_correlation": confirmation.correlation,
        "target": confirmation.target,
        "closing": confirmation.closing(),
        **conditions_json(confirmation.runs),
    }
