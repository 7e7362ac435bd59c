"""`underbudget datasets`: what a search can be run on."""

import json
from pathlib import Path

from underbudget.search.commands.options import DataDir, Json


def datasets(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the data sets and the folder they are looked for in."""
    from underbudget.search.data import sources

    if as_json:
        rows = [
            {
                "name": source.name,
                "title": source.title,
                "description": source.description,
                "images": source.images,
                "classes": list(source.classes),
                "input_shape": list(source.input_shape),
                "licence": source.licence,
                "origin": source.origin,
            }
            for source in sources.DATASETS.values()
        ]
        print(json.dumps(rows, indent=2))
        return
    from rich.table import Table
    from rich.text import Text

    from underbudget.search.commands.terminal import console, say

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("images", justify="right")
    table.add_column("input")
    table.add_column("classes", justify="right")
    table.add_column("what it is")
    for source in sources.DATASETS.values():
        shape = "x".join(str(size) for size in source.input_shape)
        about = Text(f"{source.description} ({source.licence})")
        table.add_row(source.name, f"{source.images:,}", shape, str(len(source.classes)), about)
    console().print(table)
    folder, reason = sources.data_folder(None if data_dir is None else Path(data_dir))
    say(f"data folder: {folder} ({reason})")
