"""The page of a training: one HTML file that needs no network."""

import json
from datetime import datetime
from typing import Any

from underbudget.reports import network_tables
from underbudget.reports.page.confusion import confusion_rows
from underbudget.reports.page.numbers import DASH, duration, percent, whole
from underbudget.reports.page.template import render
from underbudget.reports.page.tiles import tiles
from underbudget.reports.page.training_curves import training_curves
from underbudget.reports.runs import Run, holding
from underbudget.reports.statistics import Summary
from underbudget.reports.training import FILES, PartStatistics, Training

PROTOCOLS = {
    "search": "Protocol search: trained on the train part, judged on the validation part after each epoch. The test "
    "part was not opened.",
    "confirm": "Protocol confirm: trained on train and validation together; the labels of the test part were read once "
    "per seed, after the last epoch, when the weights of every epoch were judged.",
    "published": "Protocol published: trained on all training images, the test part judged after each epoch, as the "
    "published series did. The best epoch is chosen on the test part, so it flatters; the last epoch does not.",
}


def render_page(training: Training, now: datetime | None = None) -> str:
    """The page as HTML text."""
    first, last = training.runs[0], training.last
    goal = training.goal
    return render(
        "training.html",
        {"curves": training_curves(training.runs)},
        now,
        title=training.title,
        conditions=_conditions(training),
        part=training.part,
        seeds=len(training.runs),
        last=percent(last.mean),
        spread=spread(last),
        params=whole(first.params),
        macs=whole(first.macs),
        misclassified_count=whole(len(first.missed)),
        misclassified_total=len(first.missed),
        judged=whole(first.data.judged),
        layers_text=first.layers_text,
        checks=training.checks,
        closing="" if goal is None else holding(training.runs, goal.accuracy, goal.last),
        protocol=PROTOCOLS[first.protocol],
        seed_rows=[_seed_row(run) for run in training.runs],
        layers=network_tables.summary_rows(training.network),
        totals=network_tables.totals(training.network),
        fields=network_tables.field_rows(training.network),
        missed=tiles(training.missed),
        classes=first.data.classes,
        confusion=confusion_rows(training.confusion(), first.data.classes),
        statistics=[_statistics(part) for part in training.statistics],
        samples=tiles(training.samples),
        augmented=tiles(training.augmented),
        facts=facts(training.runs),
        recipe=json.dumps(first.recipe, indent=2, ensure_ascii=False),
        files=[
            name
            for key, name in FILES.items()
            if key != "page"
            and (key != "augmented_png" or training.augmented)
            and (key != "missed_png" or training.missed)
        ],
    )


def spread(value: Summary) -> str:
    """Standard deviation and interval as text, a dash for a single seed."""
    if value.sd is None:
        return DASH
    if value.low is None or value.high is None:
        return f"sd {value.sd:.2f}, no interval"
    return f"sd {value.sd:.2f}, 95 % interval {value.low:.2f}{DASH}{min(value.high, 100):.2f} %"


def facts(runs: tuple[Run, ...]) -> list[tuple[str, str]]:
    """The conditions that the numbers hold under, as (name, text)."""
    first = runs[0]
    versions = ", ".join(f"{name} {version}" for name, version in first.versions.items())
    readings = sum(run.readings for run in runs)
    return [
        ("data set", f"{first.data.name}, checksum {first.data.checksum[:16]}"),
        ("trained on", f"{whole(first.data.trained)} images"),
        ("judged on", f"{whole(first.data.judged)} images of the {first.data.part} part"),
        ("readings of the test labels", whole(readings)),
        ("recipe", f"{first.recipe['name']}, {len(first.judged)} epochs, batch {first.recipe['batch_size']}"),
        ("seeds", ", ".join(str(run.seed) for run in runs)),
        ("time", f"{duration(sum(run.seconds for run in runs))} for all seeds, one after the other"),
        ("computed by", ", ".join(sorted({run.path for run in runs}))),
        ("hardware", ", ".join(sorted({f"{run.device}, {run.hardware}" for run in runs}))),
        ("versions", versions),
        ("network", first.id),
    ]


def _conditions(training: Training) -> str:
    first = training.runs[0]
    seeds = f"{len(training.runs)} seeds" if len(training.runs) > 1 else f"seed {first.seed}"
    recipe, count = f"recipe {first.recipe['name']}", len(first.judged)
    epochs = f"{count} epoch" if count == 1 else f"{count} epochs"
    return f"{first.data.name} · {recipe} · {epochs} · {seeds} · protocol {first.protocol}"


def _seed_row(run: Run) -> dict[str, Any]:
    train = run.curve[-1].train_accuracy
    return {
        "seed": run.seed,
        "last": percent(run.last),
        "score": percent(run.score),
        "best": f"{percent(run.best.accuracy)} (epoch {run.best.epoch})",
        "train": percent(train),
        "gap": f"{train - run.last:+.2f}",
        "missed": whole(len(run.missed)),
        "seconds": duration(run.seconds),
    }


def _statistics(part: PartStatistics) -> dict[str, str]:
    def channels(values: tuple[float, ...]) -> str:
        return ", ".join(f"{value:.4f}" for value in values)

    return {
        "part": part.part,
        "images": whole(part.images),
        "shape": " x ".join(str(size) for size in part.shape),
        "minimum": f"{part.minimum:g}",
        "maximum": f"{part.maximum:g}",
        "mean": channels(part.mean),
        "std": channels(part.std),
        "per_class": "not read" if part.per_class is None else ", ".join(f"{count:,}" for count in part.per_class),
    }
