"""A published series, reproduced, with the columns of the publications: target, result, analysis. Facts only."""

from dataclasses import dataclass
from typing import Any

from underbudget.models.plan import Plan
from underbudget.models.references import Reference
from underbudget.reports import network
from underbudget.reports.runs import OverSeeds, Run, conditions_json
from underbudget.reports.statistics import Difference, Summary, difference, standard_errors, summary

FILES = {"page": "index.html", "table": "series.csv", "markdown": "series.md", "report": "series.json"}


@dataclass(frozen=True)
class SeriesStep(OverSeeds):
    """A published step and its runs, if it was trained. The publications print `best`."""

    reference: Reference
    network: Plan
    runs: tuple[Run, ...] = ()
    untrained: str = ""  # why there are no runs
    failed: int = 0  # runs that came to nothing

    @property
    def params(self) -> int:
        """Parameters as counted here."""
        return sum(layer.params for layer in self.network.layers)

    @property
    def train(self) -> Summary:
        """Train accuracy of the last epoch, over the seeds."""
        return summary([run.curve[-1].train_accuracy for run in self.runs])

    @property
    def gap(self) -> Summary:
        """Train less evaluated accuracy in the last epoch, points."""
        return summary([run.curve[-1].train_accuracy - run.last for run in self.runs])

    @property
    def published_best(self) -> float | None:
        """The published accuracy; None where none was published, or our runs are not on MNIST's test part."""
        other = self.runs and (self.runs[0].data.name, self.runs[0].data.part) != ("mnist", "test")
        return None if other else self.reference.best_test_pct

    @property
    def standard_errors(self) -> float | None:
        """Published best epoch less ours, in standard errors; None where either is missing."""
        published = self.published_best
        if published is None or not self.runs:
            return None
        return standard_errors(published, [run.best.accuracy for run in self.runs], self.runs[0].data.judged)


@dataclass(frozen=True)
class Series:
    """All steps of a collection, in order."""

    name: str
    repository: str
    protocol: str
    steps: tuple[SeriesStep, ...]

    def previous(self, index: int) -> SeriesStep | None:
        """The last step before this one that was trained."""
        return next((step for step in reversed(self.steps[:index]) if step.runs), None)


def target(step: SeriesStep, before: SeriesStep | None) -> str:
    """What the step set out to reproduce, and what it changes."""
    published = step.reference
    accuracy = "no accuracy published" if published.best_test_pct is None else f"{published.best_test_pct:.2f} %"
    wanted = (
        f"{published.published_params:,} parameters, {accuracy} on MNIST's test part, {published.epochs} epochs, "
        f"recipe {published.recipe}"
    )
    return wanted if before is None else f"{wanted}. Changes: {'; '.join(changes(step, before)) or 'none'}"


def changes(step: SeriesStep, before: SeriesStep) -> list[str]:
    """What differs between two steps, each as a fact."""
    found = network.changes(step.network, before.network)
    if step.reference.recipe != before.reference.recipe:
        found.append(f"recipe {step.reference.recipe} instead of {before.reference.recipe}")
    if step.reference.epochs != before.reference.epochs:
        found.append(f"{step.reference.epochs} epochs instead of {before.reference.epochs}")
    return found


def result(step: SeriesStep) -> str:
    """What came out, in one line."""
    same = "equal" if step.params == step.reference.published_params else "NOT EQUAL"
    counted = f"{step.params:,} parameters ({same})"
    if not step.runs:
        return f"{counted}; not trained: {step.untrained}"
    last, best, train = step.last, step.best, step.train
    conditions = f"{_many(last.n, 'seed')}, {_many(len(step.runs[0].judged), 'epoch')}"
    if step.failed:
        conditions += f"; {_many(step.failed, 'run')} more failed"
    return (
        f"{counted}; last epoch {_spread(last)} %, best epoch {_spread(best)} %, train {train.mean:.2f} % "
        f"({conditions})"
    )


def analysis(step: SeriesStep, before: SeriesStep | None) -> list[str]:
    """Facts that follow from the numbers: distance from the publication, gap, change against the step before."""
    if not step.runs:
        return []
    part = step.runs[0].data.part
    lines = []
    errors, published = step.standard_errors, step.published_best
    if published is not None:
        distance = "" if errors is None else f", {errors:+.1f} standard errors"
        lines.append(
            f"Published best epoch {published:.2f} % less ours {step.best.mean:.2f} %: "
            f"{published - step.best.mean:+.2f} points{distance}."
        )
    gap = step.gap
    lines.append(f"Train less {part} in the last epoch: {gap.mean:+.2f} points{_between(gap.low, gap.high)}.")
    if before is not None:
        change = difference([run.last for run in step.runs], [run.last for run in before.runs])
        lines.append(
            f"Last epoch against {before.reference.name}: {change.mean:+.2f} points{_between(change.low, change.high)}"
            f"{_verdict(change)}."
        )
    return lines


def rows(series: Series) -> list[dict[str, Any]]:
    """A row per step, all with the same keys; accuracies in percent."""
    found = []
    for step in series.steps:
        published, there = step.reference, bool(step.runs)
        last, best, train = (step.last, step.best, step.train) if there else (None, None, None)
        found.append(
            {
                "step": published.name,
                "source": published.source,
                "recipe": published.recipe,
                "epochs": len(step.runs[0].judged) if there else published.epochs,
                "published_params": published.published_params,
                "params": step.params,
                "published_best_test": published.best_test_pct,
                "seeds": len(step.runs),
                "best_mean": best and best.mean,
                "best_sd": best and best.sd,
                "published_less_ours": best and step.published_best and step.published_best - best.mean,
                "standard_errors": step.standard_errors,
                "last_mean": last and last.mean,
                "last_sd": last and last.sd,
                "last_low": last and last.low,
                "last_high": last and last.high,
                "published_best_train": published.best_train_pct,
                "train_last_mean": train and train.mean,
                "train_less_test": step.gap.mean if there else None,
                "untrained": step.untrained,
            }
        )
    return found


def markdown(series: Series) -> str:
    """The table in Markdown, as docs/series.md holds it."""
    lines = [
        "| step | parameters | recipe, epochs | published best epoch | ours, best epoch | difference "
        "| ours, last epoch | train - test |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for step, row in zip(series.steps, rows(series), strict=True):
        published = "" if row["published_best_test"] is None else f"{row['published_best_test']:.2f}"
        same = "" if row["params"] == row["published_params"] else f" (published {row['published_params']:,})"
        if step.runs:
            errors = "" if row["standard_errors"] is None else f" ({row['standard_errors']:+.1f} SE)"
            away = "" if row["published_less_ours"] is None else f"{row['published_less_ours']:+.2f}{errors}"
            cells = [_spread(step.best), away, _spread(step.last), f"{row['train_less_test']:+.2f}"]
        else:
            cells = ["not trained", "", "", ""]
        first = [step.reference.name, f"{row['params']:,}{same}", f"{row['recipe']}, {row['epochs']}", published]
        lines.append("| " + " | ".join(first + cells) + " |")
    return "\n".join(lines) + "\n"


def to_json(series: Series) -> dict[str, Any]:
    """What `series --json` prints and series.json holds."""
    steps = []
    for index, (step, row) in enumerate(zip(series.steps, rows(series), strict=True)):
        before, runs = series.previous(index), step.runs
        said = {"target": target(step, before), "result": result(step), "analysis": analysis(step, before)}
        conditions = {}
        if runs:
            conditions = {
                "seeds": [run.seed for run in runs],
                "last": [run.last for run in runs],
                "best": [run.best.accuracy for run in runs],
                "seconds": [run.seconds for run in runs],
                **conditions_json(runs),
            }
        steps.append({**row, **said, "conditions": conditions})
    return {"series": series.name, "repository": series.repository, "protocol": series.protocol, "steps": steps}


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _spread(value: Summary) -> str:
    return f"{value.mean:.2f}" if value.sd is None else f"{value.mean:.2f} ± {value.sd:.2f}"


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" (95 % interval {low:+.2f} to {high:+.2f})"


def _verdict(change: Difference) -> str:
    if change.low is None or change.high is None:
        return ""
    return ", the interval holds 0" if change.low <= 0 <= change.high else ", the interval leaves out 0"
