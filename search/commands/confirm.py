"""`underbudget confirm`: the finalists of a study on fresh seeds, with one test-set access per run."""

from typing import TYPE_CHECKING, Any

from underbudget.search.commands.options import Json, taking
from underbudget.search.commands.terminal import print_result, say, table
from underbudget.search.experiments.options import ConfirmationOptions

if TYPE_CHECKING:
    from underbudget.reports.confirmation import Confirmation


@taking(ConfirmationOptions)
def confirm(as_json: Json = False, **given: Any) -> None:
    """Retrain the best networks of a study on fresh seeds, on train + validation, and read the test set once per run.

    Results are kept in the study, weights in its folder; the same command goes on where it was stopped, and more seeds
    or a larger --top add to what is there.
    """
    from underbudget.reports.confirmation import rows, to_json
    from underbudget.search.commands.training_display import showing
    from underbudget.search.experiments import confirmation

    with showing(as_json) as notify:
        result, paths = confirmation.confirm(ConfirmationOptions(**given), notify)
    if as_json:
        print_result(to_json(result), paths)
        return
    columns = ("trial", "params", "search score", "mean", "sd", "min", "max", "95 % interval", "best epoch (on test)")
    shown = (
        (
            f"#{row['trial']}",
            *(row[name] for name in ("params", "search_score", "mean", "sd", "min", "max")),
            "" if row["low"] is None else f"{row['low']:.2f} .. {min(row['high'], 100):.2f}",
            row["mean_best_epoch_chosen_on_test"],
        )
        for row in rows(result)
    )
    folded = [name for name in columns if "interval" not in name]
    print_result([table(columns, shown, left=(), folded=folded), ""], paths)
    say("", *_closing(result))


def _closing(result: "Confirmation") -> list[str]:
    from underbudget.reports.runs import holding

    first = result.finalists[0].runs[0]
    lines = [
        f"test accuracy of the last epoch on {first.data.judged:,} images, in percent; interval: Student's, over seeds",
        f"test-set accesses: {result.readings}, one per run",
    ]
    if result.correlation is None:
        lines.append("rank correlation of search score and confirmed mean: needs three finalists that differ")
    else:
        lines.append(
            f"rank correlation of search score and confirmed mean: {result.correlation:.2f} "
            f"(Spearman, {len(result.finalists)} finalists)"
        )
    if result.target is not None:
        lines += [
            f"#{one.trial.trial}: {holding(one.runs, result.target, result.last)}" for one in result.finalists[1:]
        ]
        lines.append(f"#{result.finalists[0].trial.trial}, the search's winner:")
        lines.append(result.closing() or "")
    return lines
