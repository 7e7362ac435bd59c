"""`underbudget launch`: start or resume a search."""

from pathlib import Path
from typing import Annotated, Any

import typer

from underbudget.search.commands.options import taking
from underbudget.search.session.request import Request, read_config


@taking(Request)
def launch(
    config: Annotated[Path | None, typer.Option(help="TOML file with these options and a [space] table.")] = None,
    progress: Annotated[str, typer.Option(help="auto, plain, json or none.")] = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Train nothing; print configuration and space.")] = False,
    **given: Any,
) -> int:
    """Start a search, or resume it: the same command goes on where it stopped."""
    request = Request(**given | {"budget": given["budget"] or None})
    if config is not None:
        request = request.over(read_config(config))
    if dry_run:
        from underbudget.search.commands import header

        return header.dry_run(request)
    from underbudget.search.commands import searching

    return searching.search(request, progress)
