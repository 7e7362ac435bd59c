"""A training of one network, one recipe and several seeds, as rows and JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from underbudget.budget.count import Cost
from underbudget.budget.limits import Budget
from underbudget.models.metrics import class_scores
from underbudget.models.plan import Plan
from underbudget.reports.pictures import Picture
from underbudget.reports.runs import HOLDING_EPOCHS, OverSeeds, Run, conditions_json, holding, in_last_epochs
from underbudget.reports.statistics import Summary

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
MISCLASSIFIED_COLUMNS = ("seed", "image", "true", "predicted", "confidence", "seeds_that_miss_it")


@dataclass(frozen=True)
class Goal:
    """What is to be reached."""

    accuracy: float  # percent, in each of the last epochs
    last: int = HOLDING_EPOCHS
    budget: str = "params<8000"
    epochs: int = 15  # at most


@dataclass(frozen=True)
class Check:
    """One rule of a goal."""

    rule: str
    found: str
    passed: bool


@dataclass(frozen=True)
class PartStatistics:
    """One part of a data set in numbers."""

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
        """What the runs are evaluated on."""
        return self.runs[0].data.part

    def confusion(self) -> list[list[int]]:
        """Counts [true][predicted] of all seeds together."""
        classes = range(len(self.runs[0].data.classes))
        return [[sum(run.confusion[true][guess] for run in self.runs) for guess in classes] for true in classes]


def panels(run: Run) -> dict[str, list[float]]:
    """Per epoch, by title: loss in nats and accuracy in percent, of the train part and of the evaluated part."""
    return {
        "train loss": [epoch.train_loss for epoch in run.curve],
        f"{run.data.part} loss": [epoch.loss for epoch in run.judged],
        "train accuracy": [epoch.train_accuracy for epoch in run.curve],
        f"{run.data.part} accuracy": [epoch.accuracy for epoch in run.judged],
    }


def target_check(runs: Sequence[Run], cost: Cost, goal: Goal) -> tuple[Check, ...]:
    """Each rule with what was found. Accuracy passes when every seed holds it."""
    held = sum(run.holds(goal.accuracy, goal.last) for run in runs)
    lowest = min(epoch.accuracy for run in runs for epoch in run.judged[-goal.last :])
    seeds = f"{held} of {len(runs)} seeds" if len(runs) > 1 else ("held" if held else "not held")
    rule = f"accuracy at least {goal.accuracy:.2f} % {in_last_epochs(runs, goal.last)}"
    checks = [Check(rule, f"{seeds}, lowest {lowest:.2f} %", held == len(runs))]
    for limit in Budget.parse(goal.budget).limits:
        used = getattr(cost, limit.metric)
        checks.append(Check(str(limit), f"{used:,}", used <= limit.largest))
    epochs = max(len(run.judged) for run in runs)
    checks.append(Check(f"at most {goal.epochs} epochs", str(epochs), epochs <= goal.epochs))
    return tuple(checks)


def history_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A row per seed and epoch: train, the evaluated part, and under "confirm" the validation part too."""
    rows = []
    for run in runs:
        for epoch, evaluated in zip(run.curve, run.judged, strict=True):
            row: dict[str, Any] = {
                "seed": run.seed,
                "epoch": epoch.epoch,
                "train_loss": epoch.train_loss,
                "train_accuracy": epoch.train_accuracy,
                f"{run.data.part}_loss": evaluated.loss,
                f"{run.data.part}_accuracy": evaluated.accuracy,
            }
            if run.protocol == "confirm":
                row |= {"watched_loss": epoch.val_loss, "watched_accuracy": epoch.val_accuracy}
            rows.append({**row, "seconds": epoch.seconds})
    return rows


def class_rows(training: Training) -> list[dict[str, Any]]:
    """Per class: images of the evaluated part; recall, precision, F1 in percent over all seeds; what it was most often
    taken for."""
    rows = []
    classes, seeds = training.runs[0].data.classes, len(training.runs)
    confusion = training.confusion()
    for label, (counts, one) in enumerate(zip(confusion, class_scores(confusion), strict=True)):
        wrong = [(times, other) for other, times in enumerate(counts) if other != label and times]
        times, other = max(wrong, key=lambda pair: (pair[0], -pair[1]), default=(0, -1))
        total = sum(counts)
        rows.append(
            {
                "class": classes[label],
                "images": total // seeds,
                "recall": one.recall if total else None,
                "precision": one.precision if one.predicted else None,
                "f1": one.f1 if total else None,
                "misclassified": (total - counts[label]) / seeds,
                "most_often_taken_for": classes[other] if times else "",
            }
        )
    return rows


def misclassified_rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Every misclassified image of every seed, with the keys MISCLASSIFIED_COLUMNS."""
    times = Counter(each.index for run in runs for each in run.missed)
    return [
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
        "seeds": [run.seed for run in training.runs],
        "last_epoch": asdict(training.last),
        "best_epoch": asdict(training.best),
        "last": [run.last for run in training.runs],
        "best": [[run.best.epoch, run.best.accuracy] for run in training.runs],
        "misclassified": [len(run.missed) for run in training.runs],
        "seconds": [run.seconds for run in training.runs],
        "checks": [asdict(check) for check in training.checks],
        "target": None if training.goal is None else holding(training.runs, training.goal.accuracy, training.goal.last),
        **conditions_json(training.runs),
        "runs": [f"seed-{run.seed}.json" for run in training.runs],
    }


def in_words(value: Summary, digits: int = 2) -> str:
    """A summary as text: "99.42 % (sd 0.05, n = 3, 95 % interval 99.30 to 99.54)"."""
    text = f"{value.mean:.{digits}f} %"
    if value.sd is None:
        return f"{text} (one seed)"
    if value.low is None or value.high is None:
        return f"{text} (sd {value.sd:.{digits}f}, n = {value.n}: all seeds agree, no interval)"
    interval = f"{value.low:.{digits}f} to {min(value.high, 100):.{digits}f}"
    return f"{text} (sd {value.sd:.{digits}f}, n = {value.n}, 95 % interval {interval})"
