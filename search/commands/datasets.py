"""`underbudget datasets`: what a search can be run on."""

from pathlib import Path

from underbudget.search.commands.options import DataDir, Json
from underbudget.search.commands.terminal import console, print_json, say, table


def datasets(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the data sets and the folder they are looked for in."""
    from underbudget.search.data import named_sets, sources

    found = named_sets.DATASETS.values()
    if as_json:
        fields = ("name", "title", "description", "images", "classes", "input_shape", "licence", "origin")
        print_json([{field: getattr(source, field) for field in fields} for source in found])
        return
    rows = []
    for source in found:
        shape, about = "x".join(map(str, source.input_shape)), f"{source.description} ({source.licence})"
        rows.append((source.name, source.images, shape, len(source.classes), about))
    columns = ("name", "images", "input", "classes", "what it is")
    console().print(table(columns, rows, left=("name", "input", "what it is"), folded=("what it is",)))
    folder, reason = sources.data_folder(None if data_dir is None else Path(data_dir))
    say(f"data folder: {folder} ({reason})")
