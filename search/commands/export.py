"""`underbudget export`: a network as a file that stands on its own."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from underbudget.models.errors import UserError
from underbudget.search.commands.options import DataDir, Runs, Storage
from underbudget.search.commands.terminal import say

if TYPE_CHECKING:
    from underbudget.models.export.contents import Export


def export(
    what: Annotated[
        str, typer.Argument(help='A study (--pick decides), a trial ("STUDY:12"), or a folder of train or confirm.')
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file or folder to write, e.g. winner.py.")],
    format: Annotated[
        str | None,
        typer.Option(
            "--format", help="py, safetensors, pt2, onnx, ipynb, c or all.", show_default="by the ending, or py"
        ),
    ] = None,
    pick: Annotated[
        str | None,
        typer.Option("--pick", help="Of a study: accurate, smallest or knee.", show_default="the winner"),
    ] = None,
    at_least: Annotated[
        float | None,
        typer.Option("--at-least", help="With --pick smallest: accuracy in percent that it holds in 3 epochs."),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option("--prefix", help="With c: what its symbols begin with.", show_default="by the output")
    ] = None,
    precision: Annotated[
        str | None, typer.Option("--precision", help="With c: float32 or int8 alone.", show_default="both")
    ] = None,
    searched: Annotated[
        bool, typer.Option("--searched", help="Of a confirmed trial, the weights of the search all the same.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    data_dir: DataDir = None,
    runs: Runs = None,
    storage: Storage = None,
) -> None:
    """Export a trained network as a file that stands on its own, verified in a fresh process."""
    from underbudget.models.export.recordings import front_end_of
    from underbudget.search.results import exporting

    wanted = exporting.format_of(output, format)
    exporting.check_output(output, wanted, force)
    options = exporting.options_of(wanted, {"prefix": prefix, "precision": precision})
    bundle = replace(_gathered(what, pick, at_least, searched, data_dir, runs, storage), options=options)
    written = exporting.write(bundle, output, wanted, force)
    usage, example = [""], {"sound": "word.wav", "window": "window.csv"}.get(front_end_of(bundle), "picture.png")
    for one in written:
        done = one.verification
        if done is None:
            say(f"{one.format.name} left out: {one.left_out}")
            continue
        say(f"{done.path}: {done.bytes / 1000:.1f} kB, {done.parameters:,} parameters counted in it, {done.said}")
        for line in done.lines:
            say(f"  {line}")
        usage += [f"  {line}" for line in one.format.usage(done.path, example)]
    say(*usage)


def _gathered(
    what: str,
    pick: str | None,
    at_least: float | None,
    searched: bool,
    data_dir: str | None,
    runs: str | None,
    storage: str | None,
) -> "Export":
    """What is to be exported; says which it is and why."""
    from underbudget.search.commands import summary
    from underbudget.search.experiments.network_spec import split_trial
    from underbudget.search.results import exporting, selection, trained_trials
    from underbudget.search.results.cross_check import WinnerCrossCheck
    from underbudget.search.study import finding

    folder = Path(data_dir) if data_dir else None
    path = Path(what)
    if exporting.is_runs_folder(path):
        if pick is not None or at_least is not None:
            raise UserError("--pick and --at-least belong to a study, not to a folder: leave them out")
        bundle, said = exporting.of_runs(path, folder)
        say(f"{what}: {said}")
        return bundle
    if len(path.parts) > 1:
        hint = f"name the study, {path.name}" if (path / "study.db").is_file() else "give a folder of train or confirm"
        raise UserError(f"there is no finished run (seed-N.json) in {what[:200]}: {hint}")
    name, number = split_trial(what)
    if number is not None and (pick is not None or at_least is not None):
        raise UserError("--pick and --at-least belong to a study, a trial is picked already: leave them out")
    where = finding.find(name, runs, storage)
    found = finding.read(where)
    if number is None:
        chosen = selection.select(found, pick, at_least)
        trial, why = chosen.trial, chosen.why
    else:
        trial, why = trained_trials.pick(found, number), ""
    with WinnerCrossCheck(found, trial) as cross_check:
        bundle, confirmed = exporting.of_trial(where, found, trial, folder, searched)
        counts = cross_check.line
    say(f"{name}:{trial.trial} {summary.trial_line(found, trial).partition(', ')[2]}")
    if why:
        say(f"picked: {why}")
    say(counts)
    if confirmed:
        say(f"confirmed: {confirmed}; --searched exports the weights of the search instead")
    return bundle
