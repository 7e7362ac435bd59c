"""What each ingredient of a network is worth: accuracy and cost with it, and without it or with another."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from underbudget.budget.count import Cost
from underbudget.reports.files import json_text, write_files
from underbudget.reports.runs import Run
from underbudget.reports.seeds import Difference, Summary, difference, summary

FILES = {
    "page": "index.html",
    "table": "ablation.csv",
    "report": "ablation.json",
    "picture": "ablation.png",
}


@dataclass(frozen=True)
class Arm:
    """A network and recipe with its runs, at least one. `ingredient` is "" for the network as it is."""

    ingredient: str
    change: str
    cost: Cost
    layers_text: str
    runs: tuple[Run, ...]
    failed: int = 0  # further runs that came to nothing, such as a loss that is not finite

    @property
    def score(self) -> Summary:
        """Mean accuracy of the last three epochs on the judged part, over the seeds."""
        return summary([run.score for run in self.runs])

    @property
    def seconds(self) -> float:
        """Mean time of one run."""
        return summary([run.seconds for run in self.runs]).mean


@dataclass(frozen=True)
class Missing:
    """An ingredient that the network does not have, or that cannot be swapped in it."""

    ingredient: str
    reason: str


@dataclass(frozen=True)
class Ablation:
    """A network as it is, its variants, and what there was nothing to take away of."""

    title: str
    base: Arm
    arms: tuple[Arm, ...]
    missing: tuple[Missing, ...]

    def change(self, arm: Arm) -> Difference:
        """Accuracy of a variant less the base's, points, with Welch's 95 % interval over seeds."""
        return difference([run.score for run in arm.runs], [run.score for run in self.base.runs])


COLUMNS = (
    "ingredient",
    "change",
    "accuracy",
    "sd",
    "seeds",
    "failed",
    "accuracy_change",
    "low",
    "high",
    "params",
    "params_change",
    "macs",
    "macs_change",
    "peak_bytes",
    "peak_bytes_change",
    "seconds",
    "layers_text",
)


def rows(ablation: Ablation) -> list[dict[str, Any]]:
    """The network as it is, then a row per variant and per missing ingredient, with the keys COLUMNS. Accuracies in
    percent, their changes in points with a 95 % interval."""
    base = ablation.base
    found = []
    for arm in (base, *ablation.arms):
        row: dict[str, Any] = dict.fromkeys(COLUMNS)
        row |= {
            "ingredient": arm.ingredient or "(as it is)",
            "change": arm.change,
            "accuracy": arm.score.mean,
            "sd": arm.score.sd,
            "seeds": arm.score.n,
            "failed": arm.failed,
            "params": arm.cost.params,
            "macs": arm.cost.macs,
            "peak_bytes": arm.cost.peak_bytes,
            "seconds": arm.seconds,
            "layers_text": arm.layers_text,
        }
        if arm is not base:
            change = ablation.change(arm)
            row |= {
                "accuracy_change": change.mean,
                "low": change.low,
                "high": change.high,
                "params_change": arm.cost.params - base.cost.params,
                "macs_change": arm.cost.macs - base.cost.macs,
                "peak_bytes_change": arm.cost.peak_bytes - base.cost.peak_bytes,
            }
        found.append(row)
    for missing in ablation.missing:
        found.append({**dict.fromkeys(COLUMNS), "ingredient": missing.ingredient, "change": f"none: {missing.reason}"})
    return found


def to_json(ablation: Ablation) -> dict[str, Any]:
    """What `ablate --json` prints and ablation.json holds."""
    first = ablation.base.runs[0]
    runs = [run for arm in (ablation.base, *ablation.arms) for run in arm.runs]
    return {
        "title": ablation.title,
        "protocol": first.protocol,
        "recipe": first.recipe,
        "epochs": len(first.judged),
        "judged_on": {"part": first.data.part, "images": first.data.judged},
        "seeds": [run.seed for run in ablation.base.runs],
        "rows": rows(ablation),
        "readings": sum(run.readings for run in runs),
        "data": asdict(first.data),
        "paths": sorted({run.path for run in runs}),
        "hardware": sorted({run.hardware for run in runs}),
        "versions": first.versions,
    }


def write(ablation: Ablation, folder: Path) -> dict[str, Path]:
    """Write the files of FILES; their paths. Raises UserError where the folder cannot be written."""
    import pandas

    from underbudget.reports.page.ablation import render_page
    from underbudget.reports.training_figures import changes

    picture = changes(
        [(arm.change, ablation.change(arm)) for arm in ablation.arms],
        f"{ablation.title}: change in {ablation.base.runs[0].data.part} accuracy, points",
    )
    contents: dict[str, str | bytes] = {
        "table": pandas.DataFrame(rows(ablation), columns=list(COLUMNS)).to_csv(index=False, lineterminator="\n"),
        "report": json_text(to_json(ablation)),
        "picture": picture,
        "page": render_page(ablation),
    }
    return write_files(folder, FILES, contents)
