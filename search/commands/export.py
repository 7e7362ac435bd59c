"""`underbudget export`: the winner, or any complete trial, as one Python file."""

from pathlib import Path
from typing import Annotated

import typer

from search.commands.options import Runs, Storage


def export(
    what: Annotated[str, typer.Argument(help='A study (its winner) or a trial ("STUDY:12").')],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write, e.g. winner.py.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    runs: Runs = None,
    storage: Storage = None,
) -> None:
    """Export a trained network as one Python file that needs only torch, verified in a fresh process."""
    from search import lookup, winners
    from search.commands import summary
    from search.commands.show import split_trial
    from search.commands.terminal import say
    from search.request import quoted

    name, number = split_trial(what)
    where = lookup.find(name, runs, storage)
    found = lookup.read(where)
    trial = winners.pick(found, number)
    confirmation = winners.confirm(found, trial)
    done = winners.export(where, found, trial, output, force)
    say(f"{name}:{trial.trial} {summary.trial_line(found, trial).partition(', ')[2]}")
    say(confirmation)
    say(
        f"{done.path}: {done.bytes / 1000:.1f} kB, {done.parameters:,} parameters counted in the file, "
        f"{done.said}"
    )
    say()
    say(f"  python {quoted(str(output))} picture.png")
    say(f"  python {quoted(str(output))} --selftest")
