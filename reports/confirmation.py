"""Finalists confirmed on fresh seeds: what their runs say together, as rows, JSON, CSV and a page."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from underbudget.reports.files import json_text, write_files
from underbudget.reports.record import TrialRecord
from underbudget.reports.runs import HOLDING_EPOCHS, OverSeeds, Run, holding
from underbudget.reports.seeds import rank_correlation

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
    def correlation(self) -> float | None:
        """Spearman's rho of search score and confirmed mean; None for fewer than three finalists."""
        return rank_correlation([one.score for one in self.finalists], [one.last.mean for one in self.finalists])

    @property
    def readings(self) -> int:
        """How often the labels of the test part were read for these runs."""
        return sum(run.readings for one in self.finalists for run in one.runs)

    def closing(self) -> str | None:
        """Who holds the target, of the finalist that the search scored highest; None without a target."""
        if self.target is None:
            return None
        return holding(self.finalists[0].runs, self.target, self.last)


COLUMNS = (
    "trial",
    "params",
    "search_score",
    "seeds",
    "mean",
    "sd",
    "min",
    "max",
    "low",
    "high",
    "mean_best_epoch_chosen_on_test",
    "seeds_that_hold_target",
    "layers_text",
)


def rows(confirmation: Confirmation) -> list[dict[str, Any]]:
    """A row per finalist with the keys COLUMNS: last-epoch test accuracy over the seeds, percent; `low` and `high` are
    Student's 95 % interval."""
    result = []
    for one in confirmation.finalists:
        last, target = one.last, confirmation.target
        result.append(
            {
                "trial": one.trial.trial,
                "params": one.runs[0].params,
                "search_score": one.score,
                "seeds": last.n,
                "mean": last.mean,
                "sd": last.sd,
                "min": last.minimum,
                "max": last.maximum,
                "low": last.low,
                "high": last.high,
                "mean_best_epoch_chosen_on_test": one.best.mean,
                "seeds_that_hold_target": None
                if target is None
                else sum(run.holds(target, confirmation.last) for run in one.runs),
                "layers_text": one.runs[0].layers_text,
            }
        )
    return result


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
    first = confirmation.finalists[0].runs[0]
    return {
        "study": confirmation.study,
        "protocol": first.protocol,
        "judged_on": {"part": first.data.part, "images": first.data.judged},
        "epochs": len(first.judged),
        "finalists": rows(confirmation),
        "runs": run_rows(confirmation),
        "rank_correlation": confirmation.correlation,
        "readings": confirmation.readings,
        "target": confirmation.target,
        "closing": confirmation.closing(),
        "data": asdict(first.data),
        "paths": sorted({run.path for one in confirmation.finalists for run in one.runs}),
        "hardware": sorted({run.hardware for one in confirmation.finalists for run in one.runs}),
        "versions": first.versions,
    }


def write(confirmation: Confirmation, folder: Path) -> dict[str, Path]:
    """Write the files of FILES; their paths. Raises UserError where the folder cannot be written."""
    import pandas

    from underbudget.reports.page.confirmation import render_page

    table: Sequence[dict[str, Any]] = rows(confirmation)
    contents = {
        "table": pandas.DataFrame(table, columns=list(COLUMNS)).to_csv(index=False, lineterminator="\n"),
        "runs": pandas.DataFrame(run_rows(confirmation)).to_csv(index=False, lineterminator="\n"),
        "report": json_text(to_json(confirmation)),
        "page": render_page(confirmation),
    }
    return write_files(folder, FILES, contents, "check its permissions")
