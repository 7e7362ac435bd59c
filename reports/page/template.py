"""Templates and scripts of a page that needs no network: shared by all pages.

Everything that a template prints is made visible and escaped by Jinja, data goes to the script as escaped JSON, and the
page's Content-Security-Policy lets only its own scripts run and blocks every request.
"""

import base64
import functools
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources
from typing import Any

from underbudget.models.output import visible
from underbudget.reports.page import numbers
from underbudget.reports.pictures import data_uri

_FILTERS = (numbers.whole, numbers.decimals, numbers.percent, numbers.span, numbers.duration, data_uri)


def render(
    template: str,
    figures: dict[str, Any],
    *,
    data: dict[str, Any] | None = None,
    scripts: Sequence[str] = (),
    styles: Sequence[str] = (),
    **values: Any,
) -> str:
    """A page from one of reports/page/templates, with `values` for the template, which writes numbers by _FILTERS.

    `figures` are Plotly figures by name, drawn where an element has that name as `data-figure`; without figures Plotly
    (4.6 MB) stays out. `data` is what the page's own `scripts` read beside them; `styles` follow page.css.
    """
    import jinja2
    from markupsafe import Markup

    sources = [_file("page.js"), *(_file(name) for name in scripts)]
    if figures:
        from plotly.offline import get_plotlyjs

        sources[1:1] = [get_plotlyjs(), _file("figures.js")]
    # As an HTML parser will read them, so that the hash fits: it turns every line end into a line feed.
    sources = [source.replace("\r\n", "\n").replace("\r", "\n") for source in sources]
    digests = [hashlib.sha256(source.encode()).digest() for source in sources]  # only scripts named by them run
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.filters |= {each.__name__: each for each in _FILTERS}
    return environment.get_template(template).render(
        **values,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        style=Markup("".join(_file(name) for name in ("page.css", *styles))),
        scripts=[Markup(source) for source in sources],
        data=script_json({**figures, **(data or {})}),
        hashes=[f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests],
    )


def light_colors() -> dict[str, str]:
    """The colours of the light theme by name, from page.css: for a program without style sheets."""
    theme = _file("page.css").split("}")[0]  # the first rule, which the dark one follows
    return dict(re.findall(r"--([a-z]+):\s*([^;]+);", theme))


def script_json(value: Any) -> str:
    """JSON that may stand between <script> tags; it reads back as `value`. Raises ValueError for NaN."""
    from jinja2.utils import htmlsafe_json_dumps
    from markupsafe import Markup

    written = htmlsafe_json_dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return Markup(visible(written))


@functools.cache
def _file(name: str) -> str:
    return resources.files("underbudget.reports.page").joinpath("templates", name).read_text(encoding="utf-8")
