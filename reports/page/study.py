"""The page of a study: one HTML file that needs no network.

The page is a headline and sections; each section has a template of its name, which gets the section's data as `it`.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from underbudget.reports import front as fronts
from underbudget.reports.confirmation import confirmation_of
from underbudget.reports.misclassified import MisclassifiedImages
from underbudget.reports.page.curves_figure import curves_figure
from underbudget.reports.page.figure import Figure
from underbudget.reports.page.front_figure import front_figure
from underbudget.reports.page.importance_figures import importance_figures
from underbudget.reports.page.misclassified import winner_section
from underbudget.reports.page.numbers import percent, whole
from underbudget.reports.page.progress_figures import progress_figures
from underbudget.reports.page.provenance import provenance
from underbudget.reports.page.published import published_points
from underbudget.reports.page.spending import savings, spending_figure
from underbudget.reports.page.template import render
from underbudget.reports.page.trials import layer_rows, trial_details, trial_table
from underbudget.reports.record import StudyRecord, score_words
from underbudget.reports.tables import counts, epochs_saved, front_rows, interval

_REASONS = 5  # of failures, most frequent first


def render_page(
    study: StudyRecord,
    target: float | None = None,
    cross_check: Callable[[], str | None] = lambda: None,
    misclassified: MisclassifiedImages | None = None,
    options: str = "",
) -> str:
    """The page as HTML text.

    `target` is an accuracy in percent to mark; `cross_check` gives others' count of the winner and is called last,
    since it takes time; `misclassified` are the winner's images; `options` finds the study again in the commands
    that the page shows, e.g. " --runs lab".
    """
    settings = study.stored
    finalists = confirmation_of(study, target)
    winner = fronts.winner(study.trials, study.axis)
    figures: dict[str, Figure] = {}
    sections: list[tuple[str, str, str, Any]] = []  # template and id, link, heading, data: left out without
    if winner is not None:
        front = fronts.front(study.trials, study.axis)
        layers = layer_rows(study, winner)
        progress = progress_figures(study)
        published = published_points(settings.dataset.name, study.axis)
        importance, parameters = importance_figures(study)
        figures = {
            "front": front_figure(study, target, finalists),
            "curves": curves_figure(front[::-1], settings.images, study.trials),
            **progress,
            **({"spending": spending_figure(layers)} if layers else {}),
            **importance,
        }
        sections = [
            ("front", "Front", "Front", {"rows": front_rows(study)[::-1], "compared": bool(published)}),
            ("finalists", "Finalists", "Confirmed finalists", finalists),
            ("progress", "Progress", "How the search got there", set(progress)),
            ("curves", "Curves", "Learning curves", {"front": len(front)}),
            ("spending", "Where the budget goes", "Where the budget goes", layers),
            ("importance", "What mattered", "What mattered", parameters),
        ]
    wrong = winner and winner_section(study, winner, misclassified)
    sections += [
        ("savings", "Savings", "What was saved", savings(study)),
        ("winner", "Misclassified", "What the winner gets wrong", wrong),
        ("trials", "Trials", "Trials", True),
        ("provenance", "Provenance", "Provenance", provenance(study)),
    ]
    reasons = Counter(trial.reason or "no reason was recorded" for trial in study.trials if trial.state == "failed")
    return render(
        "study.html",
        figures,
        data={"trials": trial_table(study), "details": trial_details(study, options)},
        scripts=["front.js", "table.js", "details.js"] if figures else ["table.js", "details.js"],
        styles=["study.css"],
        title=study.name,
        settings=settings,
        axis_words=fronts.AXIS_WORDS[study.axis],
        axis_cost="" if winner is None or study.axis == "params" else fronts.cost(winner, study.axis),
        target=target,
        protocol=f"validation, {score_words(settings.epochs)}",
        sections=[section for section in sections if section[-1]],
        files=["trials.csv", "front.csv", "report.json"],
        headline={
            "winner": winner,
            "interval": winner and interval(study, winner.score),
            "chosen_from": len(fronts.scored(study.trials)),
            "counts": counts(study),
            "failures": reasons.most_common(_REASONS),
            "target": "" if target is None else _target(study, target),
            "epochs_saved": epochs_saved(study),
            "cross_check": cross_check(),
            "finalists": finalists,
        },
    )


def _target(study: StudyRecord, target: float) -> str:
    smallest = fronts.smallest_holding(study.trials, target, study.axis)
    first = fronts.first_reaching(study.trials, target)
    held = "no network holds it in each of its last 3 epochs"
    if smallest is not None:
        cost = f"{whole(fronts.cost(smallest, study.axis))} {fronts.AXIS_WORDS[study.axis]}"
        held = (
            f"trial {smallest.trial} with {cost} is the smallest network that holds it in each of its last 3 epochs "
            f"(score {percent(smallest.score)})"
        )
    reached = "no trial has reached it at any epoch"
    if first is not None:
        reached = f"trial {first.trial} was the first to reach it, at epoch {fronts.reaching_epoch(first, target)}"
    return f"{held}; {reached}"
