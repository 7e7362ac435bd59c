"""Table and figure of a comparison of search methods (benchmarks/compare_methods.py)."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from lab import measures
from lab.searching import Search

Found = dict[str, list[Search]]  # method -> one search per seed, in the same order of seeds
BASE = "random"

BEGIN, END = "<!-- table of benchmarks/compare_methods.py begins -->", "<!-- table ends -->"
# Okabe and Ito's palette, told apart with all common kinds of colour blindness; stopping by line style as well.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLES = {"": "-", "front": "--", "mo-asha": ":"}
BANDS = ("random", "tpe")  # samplers drawn with bands: all of them would hide the lines
TITLES = {
    "log": "(log10 params, log10 error), the study's own",
    "percent": "(log10 params, error in %)",
}


def shares(base: Sequence[Search], searches: Sequence[Search], trials: int, scale: str) -> list[float]:
    """Per seed: epochs to the hypervolume that random ends with, in percent of all epochs that random spends."""
    result = []
    for other, one in zip(base, searches, strict=True):
        goal = measures.volume(other.trained[:trials], other.reference, scale)
        reached = measures.epochs_to(measures.progress(one, scale), goal)
        result.append(100 * reached / other.trained[:trials][-1].spent)
    return result


def rows(found: Found, trials: int, target: float | None) -> list[dict[str, str]]:
    """A row per method, column title to text: medians (of the over-budget share: means) over seeds, with intervals."""
    cut = {name: [one.trained[:trials] for one in searches] for name, searches in found.items()}
    best_known = max(measures.best(one.trained) for searches in found.values() for one in searches)
    constraints = target if target is not None else round(float(np.median(list(map(measures.best, cut[BASE])))), 2)
    result = []
    for name, searches in found.items():
        row = {"method": name, "epochs": f"{np.median([trained[-1].spent for trained in cut[name]]):.0f}"}
        for scale, title, digits in (("log", "HV", 2), ("percent", "HV in %", 1)):
            volumes = [
                measures.volume(trained, one.reference, scale) for trained, one in zip(cut[name], searches, strict=True)
            ]
            row[title] = shown(volumes, digits)
            row[f"% of random's epochs to its {title}"] = shown(shares(found[BASE], searches, trials, scale), 0)
        row[f"trials to {constraints:.2f} %"] = shown(
            [measures.trials_to(trained, constraints) for trained in cut[name]], 0
        )
        row["over budget %"] = shown([measures.over_budget(one) for one in searches], 1, np.mean)
        row[f"regret to {best_known:.2f} %"] = shown([best_known - measures.best(one) for one in cut[name]], 2)
        row["s"] = f"{np.median([one.wall_seconds for one in searches]):.1f}"
        result.append(row)
    return result


def shown(values: Sequence[float], digits: int, statistic: Any = np.median) -> str:
    """A statistic with its interval; a dash for what was not reached."""
    middle, low, high = (
        "-" if math.isinf(value) else f"{value:.{digits}f}" for value in measures.band(values, statistic)
    )
    return f"{middle} [{low}, {high}]"


def terminal_table(table: list[dict[str, str]]) -> Table:
    """The rows for a terminal."""
    result = Table(title="medians over seeds [95 % bootstrap interval]; -: not reached")
    for title in table[0]:
        result.add_column(title, justify="left" if title == "method" else "right", no_wrap=title == "method")
    for row in table:
        result.add_row(*row.values())
    return result


def markdown_table(table: list[dict[str, str]]) -> str:
    """The rows for a document; a method's name as code."""
    head = f"| {' | '.join(table[0])} |\n|---|{'---:|' * (len(table[0]) - 1)}"
    lines = [f"| `{row['method']}` | {' | '.join(list(row.values())[1:])} |" for row in table]
    return "\n".join([head, *lines])


def write_docs(found: Found, table: list[dict[str, str]], conditions: dict[str, Any], docs: Path) -> None:
    """Put the table between its marks in docs/search-methods.md and the figure beside it."""
    page = docs / "search-methods.md"
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    words = (
        f"{len(found[BASE])} seeds, {conditions['trials']} trained trials, {conditions['workers']} simulated workers, "
        f"`{conditions['budget']}`, code {conditions['commit']}."
    )
    page.write_text(f"{before}{BEGIN}\n{words}\n\n{markdown_table(table)}\n{END}{after}", encoding="utf-8")
    draw(found, conditions["trials"], docs / "search-methods.png")


def draw(found: Found, trials: int, file: Path) -> None:
    """Hypervolume against epochs spent, a line per method: medians over seeds, 95 % bootstrap bands for BANDS."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    samplers = list(dict.fromkeys(name.partition("+")[0] for name in found))
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for axis, scale in zip(axes, measures.SCALES, strict=True):
        ends = [measures.volume(one.trained[:trials], one.reference, scale) for one in found[BASE]]
        axis.axhline(np.median(ends), color="#999999", linewidth=0.8)
        for name, searches in found.items():
            sampler, _, stopping = name.partition("+")
            colour = COLOURS[samplers.index(sampler) % len(COLOURS)]
            runs = [measures.progress(one, scale) for one in searches]
            grid = np.linspace(0, min(spent[-1] for spent, _ in runs), 60)[1:]  # where every seed still runs
            values = np.array([measures.at_epochs(run, grid) for run in runs])
            bands = np.array([measures.band(list(column)) for column in values.T])
            axis.plot(grid, bands[:, 0], STYLES.get(stopping, "-."), color=colour, linewidth=1.4, label=name)
            if sampler in BANDS:
                axis.fill_between(grid, bands[:, 1], bands[:, 2], color=colour, alpha=0.1, linewidth=0)
        low, high = np.percentile(ends, 5), axis.get_ylim()[1]
        axis.set_ylim(0.6 * low, high)
        axis.set_xlabel("epochs spent")
        axis.set_title(TITLES[scale], fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("hypervolume")
    axes[0].legend(fontsize=7, frameon=False, loc="lower right", ncols=2)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
