"""The page of a study: one HTML file that needs no network.

Each section has a module that prepares its data and a template of the same name; reports/page/template.py puts them
together.
"""

from collections.abc import Sequence
from datetime import datetime

from reports import front as fronts
from reports.page.conditions import conditions
from reports.page.curves_figure import curves_figure
from reports.page.front_figure import front_figure
from reports.page.front_table import front_table
from reports.page.headline import headline
from reports.page.provenance import provenance
from reports.page.published import Published, published_points
from reports.page.template import render
from reports.page.trial_table import trial_table
from reports.record import StudyRecord, score_words


def render_page(
    study: StudyRecord,
    target: float | None = None,
    published: Sequence[Published] | None = None,
    confirmation: str | None = None,
    now: datetime | None = None,
) -> str:
    """The page as HTML text.

    `target` is an accuracy in percent to mark; `published` are the points to compare with, by default the built-in
    ones over MNIST and none elsewhere; `confirmation` says who else counted the winner and found the same; `now` is
    the time that the page says it was made at.
    """
    held = conditions(study)
    points = published_points(held.dataset) if published is None else published
    front = fronts.front(study.trials, study.axis)
    reference = study.settings.get("hypervolume_reference")
    figures = {}
    if front:
        figures = {
            "front": front_figure(study, held, points, target),
            "curves": curves_figure(list(reversed(front)), held.images),
        }
    return render(
        "study.html",
        figures,
        now,
        data={"trials": trial_table(study)},
        scripts=["front.js", "table.js"] if front else ["table.js"],
        title=study.name,
        study=study,
        conditions=held,
        axis_words=fronts.AXIS_WORDS[study.axis],
        protocol=f"validation, {score_words(held.epochs)}",
        headline=headline(study, held, target),
        confirmation=confirmation,
        front=front_table(study),
        compared=bool(points),
        provenance=provenance(study, fronts.study_hypervolume(study.trials, reference) if reference else None),
        files=["trials.csv", "front.csv", "report.json"],
    )
