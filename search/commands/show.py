"""`underbudget show`: a network, layer by layer."""

from typing import Annotated, Any

import typer

from underbudget.models.errors import UserError
from underbudget.search.commands.options import Json, Precision, Runs, Storage
from underbudget.search.commands.terminal import console, print_json, say


def show(
    what: Annotated[str, typer.Argument(help='A reference (saish-m4), a layer text, or a trial ("STUDY:12").')],
    input_shape: Annotated[
        str | None,
        typer.Option("--input", help="Input of a reference or layer text.", show_default="1x28x28"),
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Check that the network ends in so many classes.")] = None,
    precision: Precision = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check the counts against torch and fvcore.")] = False,
    as_json: Json = False,
    runs: Runs = None,
    storage: Storage = None,
) -> int:
    """Show a network: layer table, parameters, MACs, sizes, receptive field."""
    from underbudget.budget.table import describe, render
    from underbudget.models.plan import parse_input_shape, plan
    from underbudget.models.references import find_network
    from underbudget.search.experiments.network_spec import split_trial

    study, number = split_trial(what)
    name: str | None
    lines: list[str] = []
    extra: dict[str, Any] = {}
    if number is not None:
        if input_shape is not None or classes is not None:
            raise UserError(
                "--input and --classes belong to a reference or layer text, a trial has its study's: leave them out"
            )
        planned, name, stored_precision, lines, extra = _trial(study, number, runs, storage)
        precision = precision or stored_precision
    else:
        name, architecture = find_network(what)
        planned = plan(architecture, parse_input_shape(input_shape or "1x28x28"), classes)
        if name is not None:
            lines, extra = _published(name)
    precision = precision or "float32"
    check = None
    if verify:
        from underbudget.budget.crosscheck import crosscheck

        check = crosscheck(planned)
        extra["verified"] = check.agrees
    if as_json:
        print_json({**describe(planned, precision, name), **extra})
    else:
        console().print(render(planned, precision, name))
        for line in lines:
            say(line)
        if check is not None:
            say(check.line())
    return 0 if check is None or check.agrees else 1


def _published(name: str) -> tuple[list[str], dict[str, Any]]:
    """Lines and JSON about a reference as it was published."""
    from underbudget.models.references import reference

    found = reference(name)
    best = "not published" if found.best_test_pct is None else f"{found.best_test_pct:.2f} %"
    lines = [
        f"published         {found.published_params:,} parameters, {found.epochs} epochs, recipe {found.recipe}",
        f"                  test accuracy {best} (one run, best epoch, chosen on test)",
        f"                  {found.source}",
    ]
    fields = ("source", "published_params", "best_train_pct", "best_test_pct", "epochs", "recipe")
    return lines, {"published": {field: getattr(found, field) for field in fields}}


def _trial(study: str, number: int, runs: str | None, storage: str | None) -> tuple[Any, str, str, list[str], Any]:
    """Plan, name, precision, lines and JSON of a trial."""
    from underbudget.reports.network import plan_of
    from underbudget.reports.record import score_words
    from underbudget.search.commands import summary
    from underbudget.search.results import trained_trials
    from underbudget.search.study import finding

    found = finding.read(finding.find(study, runs, storage))
    trial = trained_trials.trial_of(found, number)
    planned = plan_of(found, trial)
    lines = [f"state             {trial.state}" + (f": {trial.reason}" if trial.reason else "")]
    if trial.score is not None:
        lines.append(f"validation        {summary.trial_line(found, trial)}, {score_words(len(trial.curve))}")
    if trial.curve:
        accuracies = " ".join(f"{epoch.val_accuracy:.2f}" for epoch in trial.curve)
        lines.append(f"epochs            {accuracies}")
    if trial.proposal is not None:
        lines.append(f"training          recipe {trial.proposal.recipe['name']}, seed {trial.proposal.seed}")
    extra = {"study": study, "trial": number, "state": trial.state, "reason": trial.reason, "score": trial.score}
    return planned, f"{study}:{number}", found.settings.get("precision", "float32"), lines, extra
