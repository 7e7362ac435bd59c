"""A training of one network, one recipe and several seeds, as tables; `write` makes its page, CSV and PNG files."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models.plan import Plan
from underbudget.reports import network_tables
from underbudget.reports.files import json_text, write_files
from underbudget.reports.pictures import Picture
from underbudget.reports.runs import OverSeeds, Run, holding
from underbudget.reports.seeds import Summary
from underbudget.reports.target_check import Check, Goal

if TYPE_CHECKING:
    import pandas

FILES = {
    "page": "index.html",
    "summary": "summary.json",
    "histories": "histories.csv",
    "classes": "classes.csv",
    "confusion": "confusion.csv",
    "missed": "misclassified.csv",
    "layers": "layers.csv",
    "fields": "receptive_field.csv",
    "statistics": "data.csv",
    "curves_png": "curves.png",
    "samples_png": "samples.png",
    "augmented_png": "samples_augmented.png",
    "missed_png": "misclassified.png",
    "confusion_png": "confusion.png",
}


@dataclass(frozen=True)
class PartStatistics:
    """What there is to know about one part of a data set, as trained and judged on."""

    part: str
    images: int
    shape: tuple[int, ...]
    minimum: float  # of pixels scaled to 0..1, over all channels
    maximum: float
    mean: tuple[float, ...]  # per channel
    std: tuple[float, ...]
    per_class: tuple[int, ...] | None  # None where the labels were not looked at


@dataclass(frozen=True)
class Training(OverSeeds):
    """All that a page of a training shows."""

    title: str
    network: Plan
    runs: tuple[Run, ...]  # by seed, at least one
    statistics: tuple[PartStatistics, ...]
    samples: tuple[Picture, ...]
    augmented: tuple[Picture, ...]  # the same images; empty where the recipe has no augmentation
    missed: tuple[Picture, ...]  # of the first seed, the most confident first, perhaps not all
    goal: Goal | None = None
    checks: tuple[Check, ...] = ()

    @property
    def part(self) -> str:
        """What the runs are judged on."""
        return self.runs[0].data.part

    def confusion(self) -> list[list[int]]:
        """Counts [true][predicted] of all seeds together."""
        classes = range(len(self.runs[0].data.classes))
        return [[sum(run.confusion[true][guess] for run in self.runs) for guess in classes] for true in classes]


def histories_frame(runs: Sequence[Run]) -> "pandas.DataFrame":
    """One row per seed and epoch. `judged_...` are on the judged part; `watched_...` are under "confirm" only."""
    import pandas

    rows = []
    for run in runs:
        for epoch, judged in zip(run.curve, run.judged, strict=True):
            row: dict[str, Any] = {
                "seed": run.seed,
                "epoch": epoch.epoch,
                "train_loss": epoch.train_loss,
                "train_accuracy": epoch.train_accuracy,
                f"{run.data.part}_loss": judged.loss,
                f"{run.data.part}_accuracy": judged.accuracy,
            }
            if run.protocol == "confirm":
                row |= {"watched_loss": epoch.val_loss, "watched_accuracy": epoch.val_accuracy}
            rows.append({**row, "seconds": epoch.seconds})
    return pandas.DataFrame(rows)


def class_rows(training: Training) -> list[dict[str, Any]]:
    """Per class: images of the judged part, accuracy in percent over all seeds, what it was most often taken for."""
    rows = []
    classes, seeds = training.runs[0].data.classes, len(training.runs)
    for label, counts in enumerate(training.confusion()):
        wrong = [(times, other) for other, times in enumerate(counts) if other != label and times]
        times, other = max(wrong, key=lambda pair: (pair[0], -pair[1]), default=(0, -1))
        total = sum(counts)
        rows.append(
            {
                "class": classes[label],
                "images": total // seeds,
                "accuracy": 100 * counts[label] / total if total else None,
                "misclassified": (total - counts[label]) / seeds,
                "most_often_taken_for": classes[other] if times else "",
            }
        )
    return rows


def misclassified_frame(runs: Sequence[Run]) -> "pandas.DataFrame":
    """Every misclassified image of every seed; `seeds_that_miss_it` counts over all seeds."""
    import pandas

    times: dict[int, int] = {}
    for run in runs:
        for each in run.missed:
            times[each.index] = times.get(each.index, 0) + 1
    rows = [
        {
            "seed": run.seed,
            "image": each.index,
            "true": run.data.classes[each.true],
            "predicted": run.data.classes[each.predicted],
            "confidence": each.confidence,
            "seeds_that_miss_it": times[each.index],
        }
        for run in runs
        for each in run.missed
    ]
    columns = ("seed", "image", "true", "predicted", "confidence", "seeds_that_miss_it")
    return pandas.DataFrame(rows, columns=list(columns))


def summary_json(training: Training) -> dict[str, Any]:
    """What came out, as plain JSON (docs/experiments.md)."""
    first = training.runs[0]
    return {
        "title": training.title,
        "id": first.id,
        "layers_text": first.layers_text,
        "params": first.params,
        "macs": first.macs,
        "recipe": first.recipe,
        "protocol": first.protocol,
        "judged_on": {"part": first.data.part, "images": first.data.judged},
        "data": asdict(first.data),
        "seeds": [run.seed for run in training.runs],
        "epochs": len(first.judged),
        "last_epoch": asdict(training.last),
        "best_epoch": asdict(training.best),
        "last": [run.last for run in training.runs],
        "best": [[run.best.epoch, run.best.accuracy] for run in training.runs],
        "misclassified": [len(run.missed) for run in training.runs],
        "readings": sum(run.readings for run in training.runs),
        "seconds": [run.seconds for run in training.runs],
        "paths": sorted({run.path for run in training.runs}),
        "hardware": sorted({run.hardware for run in training.runs}),
        "versions": first.versions,
        "checks": [asdict(check) for check in training.checks],
        "target": None if training.goal is None else holding(training.runs, training.goal.accuracy, training.goal.last),
        "runs": [f"seed-{run.seed}.json" for run in training.runs],
    }


def write(training: Training, folder: Path) -> dict[str, Path]:
    """Write the files of FILES into `folder`; their paths. Raises UserError where it cannot be written."""
    import pandas

    from underbudget.reports import training_figures as figures
    from underbudget.reports.page.training import render_page

    confusion = training.confusion()
    classes = list(training.runs[0].data.classes)
    frames = {
        "histories": histories_frame(training.runs),
        "classes": pandas.DataFrame(class_rows(training)),
        "confusion": pandas.DataFrame(confusion, index=pandas.Index(classes, name="true"), columns=classes),
        "missed": misclassified_frame(training.runs),
        "layers": pandas.DataFrame([asdict(row) for row in network_tables.summary_rows(training.network)]),
        "fields": pandas.DataFrame([asdict(row) for row in network_tables.field_rows(training.network)]),
        "statistics": pandas.DataFrame([asdict(part) for part in training.statistics]),
    }
    contents: dict[str, str | bytes] = {
        key: frame.to_csv(index=key == "confusion", lineterminator="\n") for key, frame in frames.items()
    }
    contents["summary"] = json_text(summary_json(training))
    contents["curves_png"] = figures.curves(training.runs, training.title)
    contents["samples_png"] = figures.grid(training.samples, f"{training.title}: samples of the training part")
    if training.augmented:
        contents["augmented_png"] = figures.grid(training.augmented, f"{training.title}: the same samples, augmented")
    if training.missed:
        count = len(training.runs[0].missed)
        first = "" if count == len(training.missed) else f", the {len(training.missed)} most confident"
        title = f"{count} misclassified of {training.runs[0].data.judged:,} {training.part} images{first}"
        contents["missed_png"] = figures.grid(training.missed, title)
    contents["confusion_png"] = figures.confusion(confusion, classes, training.title)
    contents["page"] = render_page(training)
    return write_files(folder, FILES, contents)


def in_words(value: Summary, digits: int = 2) -> str:
    """A summary as text: "99.42 % (sd 0.05, n = 3, 95 % interval 99.30 to 99.54)"."""
    text = f"{value.mean:.{digits}f} %"
    if value.sd is None:
        return f"{text} (one seed)"
    if value.low is None or value.high is None:
        return f"{text} (sd {value.sd:.{digits}f}, n = {value.n}: all seeds agree, no interval)"
    interval = f"{value.low:.{digits}f} to {min(value.high, 100):.{digits}f}"
    return f"{text} (sd {value.sd:.{digits}f}, n = {value.n}, 95 % interval {interval})"
