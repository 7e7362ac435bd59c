"""`underbudget references`: the published networks that are built in."""

import dataclasses
import json

from underbudget.search.commands.options import Json


def references(as_json: Json = False) -> None:
    """List the built-in published networks with their published figures."""
    from underbudget.models.references import REFERENCES

    if as_json:
        rows = []
        for reference in REFERENCES.values():
            row = {field.name: getattr(reference, field.name) for field in dataclasses.fields(reference)}
            row["layers_text"] = str(reference.architecture)
            row["id"] = reference.architecture.id
            row.pop("architecture", None)
            rows.append(row)
        print(json.dumps(rows, indent=2))
        return
    from rich.table import Table

    from underbudget.search.commands.terminal import console, say

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", no_wrap=True)
    for header in ("params", "test %", "epochs"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("recipe", no_wrap=True)
    for reference in REFERENCES.values():
        best = "" if reference.best_test_pct is None else f"{reference.best_test_pct:.2f}"
        table.add_row(
            reference.name,
            f"{reference.published_params:,}",
            best,
            str(reference.epochs),
            reference.recipe,
        )
    console().print(table)
    say(
        "test %: as published: one run, best epoch, chosen on the test set. Look at one with: underbudget show saish-m4"
    )
