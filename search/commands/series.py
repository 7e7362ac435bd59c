"""`underbudget series`: a published collection, step by step, published against reproduced."""

from typing import Any

from underbudget.search.commands.options import Json, taking
from underbudget.search.commands.terminal import number, print_result, table
from underbudget.search.experiments.options import SeriesOptions


@taking(SeriesOptions)
def series(as_json: Json = False, **given: Any) -> None:
    """Replay a published series: each step by its own recipe, its parameters and accuracy beside the published ones.

    The same command goes on where it was stopped.
    """
    from underbudget.reports import series as reported
    from underbudget.search.commands.training_display import showing
    from underbudget.search.experiments import series as experiment

    with showing(as_json) as notify:
        result, paths = experiment.series(SeriesOptions(**given), notify)
    if as_json:
        print_result(reported.to_json(result), paths)
        return

    columns = ("step", "params", "published", "best epoch", "sd", "SE apart", "last epoch", "sd")
    shown = (
        (
            *(row["step"], row["params"], row["published_best_test"], number(row["best_mean"]) or "not trained"),
            *(row["best_sd"], number(row["standard_errors"], "+.1f"), row["last_mean"], row["last_sd"]),
        )
        for row in reported.rows(result)
    )
    lines = [table(columns, shown, folded=columns), ""]
    for index, step in enumerate(result.steps):
        before = result.previous(index)
        lines += [
            step.reference.name,
            f"  target    {reported.target(step, before)}",
            f"  result    {reported.result(step)}",
            *(f"  analysis  {line}" for line in reported.analysis(step, before)),
        ]
    equal = sum(each.params == each.reference.published_params for each in result.steps)
    lines += ["", f"{equal} of {len(result.steps)} parameter counts equal the published ones"]
    print_result(lines, paths)
