"""`underbudget launch`: start or resume a search."""

from pathlib import Path
from typing import Annotated

import typer

from underbudget.search.commands.options import DataDir, Precision, Runs, Storage, Target

_STUDY_HELP = "Name of the study; made from data set and budget if left out."


def launch(
    study: Annotated[str | None, typer.Argument(help=_STUDY_HELP)] = None,
    dataset: Annotated[str | None, typer.Option(help="See `underbudget datasets`.", show_default="mnist")] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(help='Hard limits, e.g. "params<8000" or "params<8000, macs<=1.5M".', show_default="params<8000"),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(help="Complete and stopped trials the study shall have in all.", show_default="100")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of one trial.", show_default="15")] = None,
    workers: Annotated[int | None, typer.Option(help="Trials at a time.", show_default="one per usable core")] = None,
    seed: Annotated[int | None, typer.Option(help="Every random number derives from it.", show_default="0")] = None,
    timeout: Annotated[str | None, typer.Option(help="Stop cleanly after, e.g., 2h, 90m or 45s.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, mps, all, cuda:0,cuda:1.", show_default="auto")] = None,
    sampler: Annotated[str | None, typer.Option(help="tpe or random.", show_default="tpe")] = None,
    stopping: Annotated[
        str | None,
        typer.Option(help="Early stopping of hopeless trials: front, mo-asha or none.", show_default="front"),
    ] = None,
    first_rung: Annotated[int | None, typer.Option(help="Epoch after which a trial is judged first.")] = None,
    reduction_factor: Annotated[
        float | None, typer.Option(help="From one judged epoch to the next; mo-asha: one of so many goes on.")
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="front: accuracy against cost; accuracy: the most accurate, nothing else.", show_default="front"
        ),
    ] = None,
    minimize: Annotated[
        str | None, typer.Option(help="The front's cost: params, macs or peak_bytes.", show_default="params")
    ] = None,
    tune: Annotated[
        str | None,
        typer.Option(
            help="Search the recipe too: lr, weight_decay, augmentation, label_smoothing, schedule, ema, dropout."
        ),
    ] = None,
    target: Target = None,
    recipe: Annotated[
        str | None, typer.Option(help="How networks are trained (docs/training.md).", show_default="warp10-onecycle")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate instead of the recipe's.")] = None,
    batch_size: Annotated[str | None, typer.Option(help="Images per step, or auto.", show_default="auto")] = None,
    precision: Precision = None,
    start_from: Annotated[
        str | None, typer.Option(help='"references": try the published networks that fit first.')
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="processes, or in-process: one trial at a time in this process.", show_default="processes"),
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(help="Search so many times, on seeds one after the other, and compare.")
    ] = None,
    live: Annotated[
        bool | None,
        typer.Option("--live/--no-live", help="Write the report again while the search runs, every 3 minutes."),
    ] = None,
    live_every: Annotated[str | None, typer.Option(help="The same, every, e.g., 10m or 30s.")] = None,
    runs: Runs = None,
    storage: Storage = None,
    data_dir: DataDir = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with these options and a [space] table.")] = None,
    progress: Annotated[str, typer.Option(help="auto, plain, json or none.")] = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Train nothing; print configuration and space.")] = False,
) -> int:
    """Start a search, or resume it: the same command goes on where it stopped."""
    from underbudget.search.commands import repeating, searching
    from underbudget.search.session.request import Request, read_config

    request = Request(
        study=study,
        dataset=dataset,
        budget=budget or None,
        trials=trials,
        epochs=epochs,
        workers=workers,
        seed=seed,
        timeout=timeout,
        device=device,
        sampler=sampler,
        stopping=stopping,
        first_rung=first_rung,
        reduction_factor=reduction_factor,
        objective=objective,
        minimize=minimize,
        tune=tune,
        target=target,
        recipe=recipe,
        lr=lr,
        batch_size=batch_size,
        precision=precision,
        start_from=start_from,
        engine=engine,
        repeats=repeats,
        live=live,
        live_every=live_every,
        runs=runs,
        storage=storage,
        data_dir=data_dir,
    )
    if config is not None:
        request = request.over(read_config(config))
    if dry_run:
        return searching.dry_run(request)
    if request.repeats is not None:
        return repeating.repeat(request, progress)
    return searching.search(request, progress)
