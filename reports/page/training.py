"""The page of a training: one HTML file that needs no network."""

import json
from collections.abc import Sequence
from typing import Any

from underbudget.reports import network_tables
from underbudget.reports.page.figure import COMPACT, PALETTE, Figure, axis, figure, scatter
from underbudget.reports.page.misclassified import confusion_rows
from underbudget.reports.page.numbers import DASH, duration, percent, whole
from underbudget.reports.page.template import render
from underbudget.reports.runs import Run, holding
from underbudget.reports.statistics import Summary
from underbudget.reports.training import FILES, Training, panels

PROTOCOLS = {
    "search": "Protocol search: trained on the train part, evaluated on the validation part after each epoch. The test "
    "part was not opened.",
    "confirm": "Protocol confirm: trained on train and validation together; the labels of the test part were read once "
    "per seed, after the last epoch, when the weights of every epoch were evaluated.",
    "published": "Protocol published: trained on all training images, evaluated on the test part after each epoch, as "
    "the published series did. The best epoch is chosen on the test part, so it flatters; the last epoch does not.",
}


def render_page(training: Training) -> str:
    """The page as HTML text."""
    first, goal = training.runs[0], training.goal
    empty = {name for name in ("augmented", "missed") if not getattr(training, name)}
    seeds = f"{len(training.runs)} seeds" if len(training.runs) > 1 else f"seed {first.seed}"
    epochs = f"{len(first.judged)} epoch{'' if len(first.judged) == 1 else 's'}"
    return render(
        "training.html",
        {"curves": _curves(training.runs)},
        title=training.title,
        conditions=f"{first.data.name} · recipe {first.recipe['name']} · {epochs} · {seeds} · "
        f"protocol {first.protocol}",
        training=training,
        first=first,
        part=training.part,
        seeds=len(training.runs),
        spread=spread(training.last),
        closing="" if goal is None else holding(training.runs, goal.accuracy, goal.last),
        protocol=PROTOCOLS[first.protocol],
        layers=network_tables.summary_rows(training.network),
        totals=network_tables.totals(training.network),
        fields=network_tables.field_rows(training.network),
        confusion=confusion_rows(training.confusion(), first.data.classes),
        facts=facts(training.runs),
        recipe=json.dumps(first.recipe, indent=2, ensure_ascii=False),
        files=[name for key, name in FILES.items() if key.removesuffix("_png") not in empty or key == "missed"],
    )


def spread(value: Summary) -> str:
    """Standard deviation and interval as text, a dash for a single seed."""
    if value.sd is None:
        return DASH
    if value.low is None or value.high is None:
        return f"sd {value.sd:.2f}, no interval"
    return f"sd {value.sd:.2f}, 95 % interval {value.low:.2f}{DASH}{min(value.high, 100):.2f} %"


def facts(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """The conditions that the numbers hold under, as (name, text)."""
    first = runs[0]
    return [
        ("data set", f"{first.data.name}, checksum {first.data.checksum[:16]}"),
        ("trained on", f"{whole(first.data.trained)} images"),
        ("evaluated on", f"{whole(first.data.judged)} images of the {first.data.part} part"),
        ("test-set accesses", whole(sum(run.readings for run in runs))),
        ("recipe", f"{first.recipe['name']}, {len(first.judged)} epochs, batch {first.recipe['batch_size']}"),
        ("seeds", ", ".join(str(run.seed) for run in runs)),
        ("time", f"{duration(sum(run.seconds for run in runs))} for all seeds, one after the other"),
        ("computed by", ", ".join(sorted({run.path for run in runs}))),
        ("hardware", ", ".join(sorted({f"{run.device}, {run.hardware}" for run in runs}))),
        ("versions", ", ".join(f"{name} {version}" for name, version in first.versions.items())),
        ("network", first.id),
    ]


def _curves(runs: Sequence[Run]) -> Figure:
    """Two by two: loss above, accuracy below, train left, the evaluated part right; a line and a colour per seed."""
    places = [(x, y) for y in ([0.56, 1], [0, 0.44]) for x in ([0, 0.46], [0.54, 1])]
    columns = [panels(run) for run in runs]
    step = 1 if len(runs[0].curve) <= 10 else None
    traces, notes = [], []
    axes: dict[str, Any] = {}
    for number, (title, (x, y)) in enumerate(zip(columns[0], places, strict=True), 1):
        suffix = "" if number == 1 else str(number)
        axes[f"xaxis{suffix}"] = axis("epoch" if number > 2 else "", domain=x, anchor=f"y{suffix}", dtick=step)
        axes[f"yaxis{suffix}"] = axis("", domain=y, anchor=f"x{suffix}")
        is_accuracy = "accuracy" in title
        place = {"xref": "paper", "yref": "paper", "x": x[0], "y": y[1], "yshift": 18, "xanchor": "left"}
        font = {"size": 13, "color": "@muted"}
        notes.append({"text": title + (", %" if is_accuracy else ""), **place, "showarrow": False, "font": font})
        for index, (run, column) in enumerate(zip(runs, columns, strict=True)):
            epochs, found = [epoch.epoch for epoch in run.curve], column[title]
            trace = scatter(
                epochs,
                found,
                mode="lines+markers",
                xaxis=f"x{suffix}",
                yaxis=f"y{suffix}",
                name=f"seed {run.seed}",
                legendgroup=str(run.seed),
                showlegend=number == len(places),
                line={"color": PALETTE[index % len(PALETTE)], "width": 2},
                marker={"size": 5},
                hovertext=[
                    f"seed {run.seed}, epoch {epoch}<br>{title} {percent(value) if is_accuracy else f'{value:.4f}'}"
                    for epoch, value in zip(epochs, found, strict=True)
                ],
            )
            traces.append(trace)
    margin = {**COMPACT, "t": 52}
    return figure(traces, height=560, annotations=notes, margin=margin, showlegend=len(runs) > 1, **axes)
