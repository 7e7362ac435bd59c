"""How the search got there: the hypervolume as it grew, and the front after parts of the search."""

from collections.abc import Sequence

from underbudget.reports import front as fronts
from underbudget.reports.history import FrontStep, fronts_after, history
from underbudget.reports.page.figure import Figure, axis, error_axis, figure, least_error, scatter
from underbudget.reports.page.numbers import whole
from underbudget.reports.record import StudyRecord

_SHARES = (0.1, 0.25, 0.5, 1.0)
_STYLES = (("@line", "dot"), ("@sky", "dashdot"), ("@orange", "dash"), ("@blue", "solid"))  # the last one is the whole


def progress_figures(study: StudyRecord) -> dict[str, Figure]:
    """`volume_trials`, `volume_time` where times were stored, `front_growth`; none without a front."""
    steps = history(study)
    if not any(step.best is not None for step in steps):
        return {}
    figures: dict[str, Figure] = {"front_growth": _growth(study)}
    if any(step.hypervolume is not None for step in steps):
        last = len(steps) - 1
        grown = [  # the steps at which it grew, and the last one
            step
            for index, step in enumerate(steps)
            if index in (0, last) or step.hypervolume != steps[index - 1].hypervolume
        ]
        figures["volume_trials"] = _volume([step.trained for step in grown], grown, "trained trials")
        if all(step.seconds is not None for step in steps):
            minutes = [round((step.seconds or 0) / 60, 3) for step in grown]
            figures["volume_time"] = _volume(minutes, grown, "minutes of searching")
    return figures


def _volume(x: Sequence[float], steps: Sequence[FrontStep], title: str) -> Figure:
    trace = scatter(
        x,
        [round(step.hypervolume or 0.0, 6) for step in steps],
        mode="lines",
        line={"shape": "hv", "color": "@blue", "width": 2},
        hovertext=[
            f"{whole(step.trained)} trials, {whole(step.epochs)} epochs<br>hypervolume {step.hypervolume:.4f}"
            for step in steps
        ],
        showlegend=False,
    )
    xaxis, yaxis = axis(title, rangemode="tozero", tickformat=","), axis("hypervolume", rangemode="tozero")
    return figure([trace], height=280, xaxis=xaxis, yaxis=yaxis, showlegend=False)


def _growth(study: StudyRecord) -> Figure:
    least, words = least_error(study.stored.images), fronts.AXIS_WORDS[study.axis]
    parts = [(count, front) for count, front in fronts_after(study, _SHARES) if front]
    traces = [
        scatter(
            [fronts.cost(trial, study.axis) for trial in front],
            [max(100 - fronts.score(trial), least) for trial in front],
            mode="lines+markers",
            name=f"{count:,} trials",
            line={"shape": "hv", "color": color, "dash": dash, "width": 2},
            marker={"size": 5, "color": color},
            hovertext=[
                f"after {count:,} trials: trial {trial.trial}<br>{fronts.cost(trial, study.axis):,} {words}<br>"
                f"{fronts.score(trial):.2f} %"
                for trial in front
            ],
        )
        for (count, front), (color, dash) in zip(parts, _STYLES[-len(parts) :], strict=True)
    ]
    xaxis = axis(words, type="log", dtick="D2", tickformat=",")
    return figure(traces, height=380, xaxis=xaxis, yaxis=error_axis("validation accuracy, %"))
