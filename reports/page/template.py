"""Templates and scripts of a page that needs no network: shared by the pages of judged runs.

Everything that a template prints is escaped by Jinja, data goes to the script as escaped JSON, and the page's
Content-Security-Policy lets only its own scripts run and nothing be fetched.
"""

import functools
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from reports.page.embedding import script_hash, script_json


def render(template: str, figures: dict[str, Any], now: datetime | None = None, **values: Any) -> str:
    """A page from one of reports/page/templates; `figures` are Plotly figures by name, drawn where an element has
    that name as `data-figure`. Without figures Plotly (4.6 MB) stays out."""
    import jinja2
    from markupsafe import Markup

    scripts = []
    if figures:
        from plotly.offline import get_plotlyjs

        scripts = [_lines(get_plotlyjs()), _lines(_file("figures.js"))]
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        **values,
        made=(now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC"),
        style=Markup(_file("page.css") + _file("training.css")),
        scripts=[Markup(script) for script in scripts],
        data=Markup(script_json(figures)),
        hashes=[script_hash(script) for script in scripts],
    )


@functools.cache
def _file(name: str) -> str:
    return resources.files("reports.page").joinpath("templates", name).read_text(encoding="utf-8")


def _lines(script: str) -> str:
    """As an HTML parser will read it, so that the hash fits: it turns every line end into a line feed."""
    return script.replace("\r\n", "\n").replace("\r", "\n")
