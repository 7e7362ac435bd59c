"""The page of a study: one HTML file that needs no network.

Each section has a module that prepares its data and a template of the same name; reports/page/template.py puts them
together.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from underbudget.budget import table
from underbudget.models.errors import UserError
from underbudget.reports import front as fronts
from underbudget.reports.misclassified import MisclassifiedImages
from underbudget.reports.network import plan_of
from underbudget.reports.page.conditions import Conditions, conditions
from underbudget.reports.page.confusion import confusion_rows
from underbudget.reports.page.curves_figure import curves_figure
from underbudget.reports.page.details import trial_details
from underbudget.reports.page.figure import Figure
from underbudget.reports.page.finalists import confirmation_of, finalist_rows
from underbudget.reports.page.front_figure import front_figure
from underbudget.reports.page.front_table import front_table
from underbudget.reports.page.headline import headline
from underbudget.reports.page.importance_figures import importance_figures
from underbudget.reports.page.numbers import whole
from underbudget.reports.page.progress_figures import progress_figures
from underbudget.reports.page.provenance import provenance
from underbudget.reports.page.published import Published, published_points
from underbudget.reports.page.savings import savings
from underbudget.reports.page.spending_figure import spending_figure
from underbudget.reports.page.template import render
from underbudget.reports.page.tiles import Tile, tiles
from underbudget.reports.page.trial_table import trial_table
from underbudget.reports.pictures import Picture
from underbudget.reports.record import StudyRecord, TrialRecord, score_words


def render_page(
    study: StudyRecord,
    target: float | None = None,
    published: Sequence[Published] | None = None,
    confirmation: Callable[[], str | None] = lambda: None,
    now: datetime | None = None,
    mistakes: MisclassifiedImages | None = None,
    options: str = "",
) -> str:
    """The page as HTML text.

    `target` is an accuracy in percent to mark; `published` are the points to compare with, by default the built-in
    ones over MNIST and none elsewhere; `confirmation` says who else counted the winner and found the same, and is
    asked last, since that takes its time; `now` is the time that the page says it was made at; `mistakes` are the
    winner's misclassified images; `options` finds the study again in the commands that the page shows, e.g.
    " --runs lab".
    """
    held = conditions(study)
    points = published_points(held.dataset) if published is None else published
    winner = fronts.winner(study.trials, study.axis)
    finalists = confirmation_of(study, target)
    reference = study.settings.get("hypervolume_reference")
    front = fronts.front(study.trials, study.axis)
    saved = savings(study)
    figures: dict[str, Figure] = {}
    slices: list[str] = []
    if front and winner is not None:
        mattered, slices = importance_figures(study)
        figures = {
            "front": front_figure(study, held, points, target, finalists),
            "curves": curves_figure(list(reversed(front)), held.images, study.trials),
            **progress_figures(study),
            **_spending(study, winner),
            **mattered,
        }
    return render(
        "study.html",
        figures,
        now,
        data={"trials": trial_table(study), "details": trial_details(study, options)},
        scripts=["front.js", "table.js", "details.js"] if figures else ["table.js", "details.js"],
        styles=["training.css", "study.css"],
        title=study.name,
        study=study,
        conditions=held,
        axis_words=fronts.AXIS_WORDS[study.axis],
        protocol=f"validation, {score_words(held.epochs)}",
        headline=headline(study, held, target),
        confirmation=confirmation(),
        front=front_table(study),
        compared=bool(points),
        reference=reference or {},
        drawn=set(figures),
        sections=_sections(set(figures), finalists is not None, saved is not None, winner is not None),
        slices=slices,
        finalists=finalist_rows(finalists) if finalists else [],
        finalists_target=None if target is None else f"{target:g} % held by",
        finalists_images=None if finalists is None else whole(finalists.finalists[0].runs[0].data.judged),
        finalists_correlation=None if finalists is None else finalists.correlation,
        finalists_best=None if finalists is None else finalists.finalists[0],
        confirmation_closing=None if finalists is None else finalists.closing(),
        savings=saved,
        provenance=provenance(study, fronts.study_hypervolume(study.trials, reference) if reference else None),
        files=["trials.csv", "front.csv", "report.json"],
        **_wrong(study, held, winner, mistakes),
    )


def _sections(drawn: set[str], confirmed: bool, saved: bool, won: bool) -> list[tuple[str, str]]:
    """The sections that the page has, as (id, words), for its table of contents."""
    there = {
        "front": ("Front", "front" in drawn),
        "finalists": ("Finalists", confirmed and won),
        "progress": ("Progress", "front_growth" in drawn),
        "curves": ("Curves", "curves" in drawn),
        "spending": ("Where the budget goes", "spending" in drawn),
        "importance": ("What mattered", "importance" in drawn),
        "savings": ("Savings", saved),
        "winner": ("MisclassifiedImages", won),
        "trials": ("Trials", True),
        "provenance": ("Provenance", True),
    }
    return [(name, words) for name, (words, shown) in there.items() if shown]


def _spending(study: StudyRecord, winner: TrialRecord) -> dict[str, Figure]:
    """Nothing for a network that this version cannot read."""
    try:
        rows = table.rows(plan_of(study, winner), study.settings.get("precision", "float32"))
    except (UserError, KeyError, TypeError, ValueError):
        return {}
    return {"spending": spending_figure(rows)}


def _wrong(
    study: StudyRecord, held: Conditions, winner: TrialRecord | None, mistakes: MisclassifiedImages | None
) -> dict[str, Any]:
    """The winner's confusion matrix and misclassified images, as far as they are known."""
    if winner is None or winner.result is None:
        return {"confusion": [], "classes": [], "missed": [], "misclassified_total": 0}
    counts = winner.result.confusion
    classes = [str(name) for name in study.settings.get("dataset", {}).get("classes", ())]
    if len(classes) != len(counts):
        classes = [str(index) for index in range(len(counts))]
    missed: list[Tile] = []
    if mistakes is not None and mistakes.weights_sha256 == winner.result.weights_sha256:
        pictures = [
            Picture(each.pixels, f"{classes[each.true]}, not {classes[each.predicted]}", f"{each.confidence:.0f} %")
            for each in mistakes.images
        ]
        missed = tiles(pictures)
    total = 0 if mistakes is None else mistakes.total
    return {
        "confusion": confusion_rows(counts, classes),
        "classes": classes,
        "missed": missed,
        "misclassified_total": total,
    }
