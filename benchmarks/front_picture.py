"""Draws the front of a study as a PNG for the README.

    python benchmarks/front_picture.py runs/mnist-params-8000 docs/front.png

The conditions that the picture was measured under stand below it. Needs matplotlib (in the `dev` extra).
"""

import argparse
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from underbudget.models.errors import UnderbudgetError
from underbudget.reports import front as fronts
from underbudget.reports.page.front_figure import x_range, y_range
from underbudget.reports.page.published import LABEL, published_points
from underbudget.reports.reading import read_study
from underbudget.reports.record import StudyRecord, score_words
from underbudget.reports.settings import StoredSettings
from underbudget.reports.tables import counts, interval

# Okabe and Ito's palette, as on the page.
BLUE, VERMILLION, ORANGE, GREY = "#0072b2", "#d55e00", "#b87a00", "#5f6b7a"


def draw(study: StudyRecord, path: Path) -> None:
    """Write the picture. Raises UnderbudgetError for a study without a complete trial."""
    held = study.stored
    best = fronts.winner(study.trials, study.axis)
    if best is None:
        raise UnderbudgetError(f"study {study.name} has no complete trial: there is no front to draw")
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(figsize=(8.4, 4.9), dpi=160)
    draw_front(axes, study, held)
    axes.set_title(
        f"{best.score:.2f} % with {fronts.cost(best):,} parameters: best of {len(fronts.scored(study.trials)):,} "
        f"networks trained on {held.dataset.title}",
        loc="left",
        fontsize=11,
    )
    figure.text(0.01, 0.01, caption(study, held), fontsize=7.5, color=GREY, va="bottom", linespacing=1.5)
    figure.tight_layout(rect=(0, 0.085, 1, 1))
    figure.savefig(path)
    plt.close(figure)


def draw_front(axes: Axes, study: StudyRecord, held: StoredSettings) -> None:
    """Trials, front with intervals, winner, budget, and over MNIST the published points."""
    scored, front = fronts.scored(study.trials), fronts.front(study.trials, study.axis)
    low, high = x_range(scored, held.limit)
    points = [point for point in published_points(held.dataset.name) if low <= point.params <= high]
    inside = [max(point.accuracy for point in points)] if points else []
    for end in interval(study, fronts.score(front[-1])) or ():
        inside.append(end)
    bottom, top = y_range([fronts.score(trial) for trial in scored], [fronts.score(trial) for trial in front], inside)
    on_front = {trial.trial for trial in front}
    others = [trial for trial in scored if trial.trial not in on_front]
    axes.scatter(
        [fronts.cost(trial) for trial in others],
        [fronts.score(trial) for trial in others],
        s=13,
        color=GREY,
        alpha=0.4,
        linewidths=0,
        label=f"trained, not on the front ({len(others):,})",
    )
    if points:
        axes.scatter(
            [point.params for point in points],
            [point.accuracy for point in points],
            s=22,
            marker="D",
            facecolors="none",
            edgecolors=ORANGE,
            linewidths=0.8,
            alpha=0.75,
            label=LABEL,
        )
    x, y = [fronts.cost(trial) for trial in front], [fronts.score(trial) for trial in front]
    axes.step(x, y, where="post", color=BLUE, linewidth=1.6)
    ends = [interval(study, score) or (score, score) for score in y]
    axes.errorbar(
        x,
        y,
        yerr=[[s - e[0] for s, e in zip(y, ends, strict=True)], [e[1] - s for s, e in zip(y, ends, strict=True)]],
        fmt="o",
        color=BLUE,
        markersize=5,
        elinewidth=0.8,
        capsize=2,
        label=f"front ({len(front):,}), 95 % intervals",
    )
    axes.scatter(x[-1:], y[-1:], s=170, marker="*", color=VERMILLION, edgecolors="white", zorder=5, label="winner")
    if held.limit is not None:
        axes.axvspan(held.limit, high, color=GREY, alpha=0.1, linewidth=0)
        axes.axvline(held.limit, color=GREY, linestyle="--", linewidth=1)
        axes.annotate("over budget", ((held.limit + high) / 2, bottom), (0, 4), textcoords="offset points",
                      ha="center", fontsize=8, color=GREY)  # fmt: skip
    axes.set(xlim=(low, high), ylim=(bottom, top), xlabel="parameters", ylabel="validation accuracy, %")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(color="#e6e9ed", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=4, fontsize=8, frameon=False)


def caption(study: StudyRecord, held: StoredSettings) -> str:
    """The conditions, two lines."""
    number = counts(study)
    hardware = sorted({trial.result.hardware for trial in study.trials if trial.result})
    paths = sorted({trial.result.path for trial in study.trials if trial.result})
    images = "" if held.images is None else f", n = {held.images:,} images"
    first = (
        f"{held.budget}, {held.epochs} epochs, recipe {held.recipe.get('name', '?')}, seed "
        f"{held.seed}; accuracy: validation, {score_words(held.epochs)}{images}; one run per network."
    )
    second = (
        f"{number['proposed']:,} proposed, {number['rejected']:,} rejected untrained, {number['failed']:,} failed. "
        f"{', '.join(hardware)}; {', '.join(paths)}; underbudget {study.settings.get('version', '?')}."
    )
    return f"{first}\n{second}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of the study, e.g. runs/demo")
    parser.add_argument("picture", type=Path, nargs="?", default=Path("docs/front.png"))
    given = parser.parse_args()
    try:
        draw(read_study(f"sqlite:///{(given.run / 'study.db').as_posix()}", given.run.resolve().name), given.picture)
    except UnderbudgetError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(given.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
