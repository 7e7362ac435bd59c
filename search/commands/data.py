"""`underbudget data`: data sets to be named, listed, looked at and removed, without a search."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from underbudget.models.errors import UserError
from underbudget.search.commands.options import DataDir, Json, taking
from underbudget.search.commands.terminal import console, print_json, say, table
from underbudget.search.session.data_options import DataOptions

if TYPE_CHECKING:
    from underbudget.search.data.store import Dataset
    from underbudget.search.results.data_facts import DataFacts

MOST_CLASSES = 40  # shown in a terminal
MOST_LEFT_OUT = 10

app = typer.Typer(help="Name, list, show and remove data sets.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def data(context: typer.Context) -> None:
    """Name, list, show and remove data sets."""
    if context.invoked_subcommand is None:
        raise UserError("underbudget data needs a command: add, list, remove or show")


@app.command()
@taking(DataOptions)
def add(
    name: Annotated[str, typer.Argument(help="The name that --dataset will take.")],
    path: Annotated[str, typer.Argument(help="A folder, .npz, .csv or .parquet file (docs/data.md).")],
    data_dir: DataDir = None,
    **given: Any,
) -> None:
    """Read data of your own and give them a name."""
    from underbudget.search.data import sources

    folder = None if data_dir is None else Path(data_dir)
    dataset = sources.add(name, sources.define(path, _checked(given), folder), folder, say)
    say(f"{name}: {_summary(dataset)}", f"look at it by underbudget data show {name}")


@app.command("list")
def list_(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the built-in data sets, your own, and what their prepared copies take."""
    from underbudget.search.data import cache, named_sets, own_names, sources

    homes = sources.homes(data_dir)
    built_in, own, stored = named_sets.DATASETS.values(), own_names.listing(homes), cache.stores(homes)
    folder, reason = sources.data_folder(data_dir)
    limit, total = cache.limit(), sum(each.bytes for each in stored)
    if as_json:
        fields = ("name", "title", "description", "images", "classes", "input_shape", "licence", "origin")
        names = [{"name": each.name, **each.definition.to_json(), "checksum": each.checksum} for each in own]
        copies = [
            {"id": each.checksum[:8], "source": each.source, "bytes": each.bytes, "names": each.names}
            for each in stored
        ]
        listed = [{field: getattr(source, field) for field in fields} for source in built_in]
        print_json({"built_in": listed, "own": names, "stores": copies, "bytes": total, "limit": limit})
        return
    rows = [
        (each.name, each.images, "x".join(map(str, each.input_shape)), len(each.classes), _about(each))
        for each in built_in
    ]
    columns = ("name", "images", "input", "classes", "what it is")
    console().print(table(columns, rows, left=("name", "input", "what it is"), folded=("what it is",)))
    if own:
        say("", "your own:")
        named = [(each.name, str(each.definition)) for each in own]
        console().print(table(("name", "source"), named, left=("name", "source"), folded=("source",)))
    if stored:
        say("", "prepared copies of your own data, the last used first:")
        lines = [(each.checksum[:8], cache.shown(each.bytes), ", ".join(each.names), each.source) for each in stored]
        console().print(
            table(("id", "size", "name", "source"), lines, left=("id", "name", "source"), folded=("source",))
        )
    most = f", of at most {cache.shown(limit)} by {cache.LIMIT}" if limit is not None else ""
    say("", f"data folder: {folder} ({reason}); prepared copies of your own data: {cache.shown(total)}{most}")


@app.command()
def remove(
    names: Annotated[list[str] | None, typer.Argument(help="Names of your own, or ids of prepared copies.")] = None,
    over: Annotated[
        str | None,
        typer.Option(help="Remove unnamed copies, the oldest first, until the rest takes no more, e.g. 5GB."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Remove names and prepared copies. Your own files stay."""
    from underbudget.search.data import cache, sources

    if not names and over is None:
        raise UserError("data remove needs a name, an id of data list, or --over SIZE")
    homes = sources.homes(data_dir)
    most = None if over is None else cache.parse_size(over)
    try:
        for name in names or []:
            _remove(name, homes)
        if most is not None:
            left = cache.trim(homes, most, say)
            why = "" if left <= most else ", which have names, were used within a day, or came from Python"
            say(f"prepared copies take {cache.shown(left)}{why}")
    except OSError as error:
        raise UserError(f"it cannot be removed ({error}): check the rights of the data folder") from error


@app.command()
@taking(DataOptions)
def show(
    what: Annotated[str, typer.Argument(help="A name, or a path as --dataset takes it.")],
    png: Annotated[Path | None, typer.Option("--png", help="Write samples of each class to this picture.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
    **given: Any,
) -> None:
    """Show what a data set holds: classes, counts, samples, what was noticed and left out."""
    from underbudget.reports.training_figures import grid
    from underbudget.search.data import preparing, sources
    from underbudget.search.results import data_facts

    folder = None if data_dir is None else Path(data_dir)
    definition = sources.define(what, _checked(given), folder)
    dataset = sources.prepare(
        definition, folder, lambda line: None if as_json or line.startswith("note: ") else say(line)
    )
    entry = preparing.entries(dataset.folder.parent.parent).get(dataset.info.checksum)
    facts = data_facts.data_facts(dataset, entry)
    if png is not None:
        pictures = data_facts.samples(dataset, data_facts.SAMPLES)
        try:
            png.write_bytes(grid(pictures, f"{what}: training examples of each class"))
        except OSError as error:
            raise UserError(f"{png} cannot be written ({error.strerror}): name another file") from error
    if as_json:
        print_json(facts.to_json())
        return
    _print(what, str(definition), facts)
    if png is not None:
        say(str(png))


def _print(what: str, source: str, facts: "DataFacts") -> None:
    from underbudget.search.commands import sample_grid
    from underbudget.search.data import cache
    from underbudget.search.data.store import PARTS
    from underbudget.search.results.data_facts import samples

    info = facts.dataset.info
    say(f"{what}: {_summary(facts.dataset)}")
    say(f"source      {source}", f"stored      {facts.dataset.folder} ({cache.shown(facts.bytes)})")
    say(f"checksum    {info.checksum}")
    for name, value in (info.frontend or {}).items():
        say(f"{'front end' if name == 'kind' else '':11} {name} {_short(value)}")
    rows: list[list[str | float | None]] = [
        [name, *(count[part] for part in PARTS), sum(count.values())] for name, count in facts.counts.items()
    ]
    say()
    console().print(table(("class", *PARTS, "all"), rows[:MOST_CLASSES]))
    if len(rows) > MOST_CLASSES:
        say(f"and {len(rows) - MOST_CLASSES} more classes")
    if facts.imbalance >= 1.5:
        say(f"the largest class has {facts.imbalance:.1f} times the training examples of the smallest")
    left_out = [f"left out: {one['name']}: {one['reason']}" for one in facts.left_out]
    if told := [*facts.notes, *left_out[:MOST_LEFT_OUT]]:
        say("", *told)
    say()
    per_class = max(1, min(5, (console().width - 2) // 17))
    shown = samples(facts.dataset, per_class)
    for name in info.classes[: MOST_CLASSES // 4]:
        say(name)
        for line in sample_grid.lines([one for one in shown if one.caption == name], console().is_terminal):
            console().print(line, soft_wrap=True)


def _remove(name: str, homes: list[Path]) -> None:
    from underbudget.search.data import cache, own_names

    own = own_names.find(name, homes)
    stored = cache.stores(homes)
    if own is not None:
        own.file.unlink(missing_ok=True)
        unneeded = [each for each in stored if each.checksum == own.checksum and each.names == (name,)]
        say(f"the name {name} is gone; {own.definition.source} stays as it is")
    else:
        unneeded = [each for each in stored if len(name) >= 8 and each.checksum.startswith(name)]
        if not unneeded:
            raise UserError(f"there is no name and no prepared copy {name!r} of your own: see underbudget data list")
        if unneeded[0].names:
            raise UserError(f"the copy {name} belongs to the name {unneeded[0].names[0]}: remove the name")
    for each in unneeded:
        cache.remove(each)
        say(f"removed the prepared copy of {each.source} ({cache.shown(each.bytes)})")


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    from underbudget.search.session.options import check

    check(DataOptions(**given))
    return given


def _summary(dataset: "Dataset") -> str:
    info = dataset.info
    counts = ", ".join(f"{count:,} {part}" for part, count in info.counts.items())
    return f"{len(info.classes)} classes, {'x'.join(map(str, info.input_shape))}, {counts}"


def _about(source: Any) -> str:
    return f"{source.description} ({source.licence})"


def _short(value: object) -> str:
    text = (
        ", ".join(f"{each:g}" if isinstance(each, float) else str(each) for each in value)
        if isinstance(value, list)
        else str(value)
    )
    return text if len(text) <= 100 else f"{text[:97]}..."
