"""The page of a study: one HTML file that needs no network.

Each section has a module that prepares its data and a template of the same name; everything that a template prints is
escaped by Jinja, data goes to the script as escaped JSON, and a Content-Security-Policy lets only the page's own
scripts run and nothing be fetched.
"""

import functools
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources

from reports import front as fronts
from reports.page.conditions import conditions
from reports.page.curves_figure import curves_figure
from reports.page.embedding import script_hash, script_json
from reports.page.front_figure import front_figure
from reports.page.front_table import front_table
from reports.page.headline import headline
from reports.page.provenance import provenance
from reports.page.published import Published, published_points
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
    import jinja2
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    held = conditions(study)
    points = published_points(held.dataset) if published is None else published
    front = fronts.front(study.trials, study.axis)
    reference = study.settings.get("hypervolume_reference")
    data = {
        "front": front_figure(study, held, points, target),
        "curves": curves_figure(list(reversed(front)), held.images),
        "trials": trial_table(study),
    }
    plotly, script = _lines(get_plotlyjs()), _lines(_file("page.js"))
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("study.html").render(
        study=study,
        conditions=held,
        protocol=f"validation, {score_words(held.epochs)}",
        headline=headline(study, held, target),
        confirmation=confirmation,
        front=front_table(study),
        compared=bool(points),
        provenance=provenance(study, fronts.study_hypervolume(study.trials, reference) if reference else None),
        made=(now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC"),
        style=Markup(_file("page.css")),
        plotly=Markup(plotly),
        script=Markup(script),
        data=Markup(script_json(data)),
        hashes=[script_hash(plotly), script_hash(script)],
    )


@functools.cache
def _file(name: str) -> str:
    return resources.files("reports.page").joinpath("templates", name).read_text(encoding="utf-8")


def _lines(script: str) -> str:
    """As an HTML parser will read it, so that the hash fits: it turns every line end into a line feed."""
    return script.replace("\r\n", "\n").replace("\r", "\n")
