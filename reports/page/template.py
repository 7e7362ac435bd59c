"""Templates and scripts of a page that needs no network: shared by all pages.

Everything that a template prints is escaped by Jinja, data goes to the script as escaped JSON, and the page's
Content-Security-Policy lets only its own scripts run and nothing be fetched.
"""

import functools
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from underbudget.reports.page.embedding import script_hash, script_json


def render(
    template: str,
    figures: dict[str, Any],
    now: datetime | None = None,
    *,
    data: dict[str, Any] | None = None,
    scripts: Sequence[str] = (),
    styles: Sequence[str] = ("training.css",),
    **values: Any,
) -> str:
    """A page from one of reports/page/templates, with `values` for the template.

    `figures` are Plotly figures by name, drawn where an element has that name as `data-figure`; without figures Plotly
    (4.6 MB) stays out. `data` is what the page's own `scripts` read beside them; `styles` follow page.css. `now` is the
    time that the page says it was made at.
    """
    import jinja2
    from markupsafe import Markup

    sources = [_file("page.js"), *(_file(name) for name in scripts)]
    if figures:
        from plotly.offline import get_plotlyjs

        sources[1:1] = [get_plotlyjs(), _file("figures.js")]
    sources = [_lines(source) for source in sources]
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
        style=Markup("".join(_file(name) for name in ("page.css", *styles))),
        scripts=[Markup(source) for source in sources],
        data=Markup(script_json({**figures, **(data or {})})),
        hashes=[script_hash(source) for source in sources],
    )


def light_colors() -> dict[str, str]:
    """The colours of the light theme by name, from page.css: for a reader without style sheets."""
    theme = _file("page.css").split("}")[0]  # the first rule, which the dark one follows
    return dict(re.findall(r"--([a-z]+):\s*([^;]+);", theme))


@functools.cache
def _file(name: str) -> str:
    return resources.files("underbudget.reports.page").joinpath("templates", name).read_text(encoding="utf-8")


def _lines(script: str) -> str:
    """As an HTML parser will read it, so that the hash fits: it turns every line end into a line feed."""
    return script.replace("\r\n", "\n").replace("\r", "\n")
