"""Notes for Optuna Dashboard, in the Markdown that it renders (CommonMark with GitHub's tables, no HTML).

Whatever a person has named is escaped: it is shown as it is, as one line.
"""

import re
import unicodedata

from underbudget.budget.table import LayerRow, rows
from underbudget.reports import front as fronts
from underbudget.reports.network import plan_of
from underbudget.reports.page.numbers import percent, span, whole
from underbudget.reports.record import StudyRecord, TrialRecord, score_words
from underbudget.reports.settings import StoredSettings
from underbudget.reports.tables import counts, epochs_saved, interval

_LISTED = 40  # trials of the front in the study's note
_SPECIAL = re.compile(r"([!-/:-@\[-`{-~])")  # ASCII punctuation: all of it may follow a backslash in CommonMark
_LIMIT_WORDS = {"params": "parameters", "macs": "MACs", "peak_bytes": "peak bytes", "params_bytes": "parameter bytes"}


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line; control characters are left out."""
    return _SPECIAL.sub(r"\\\1", _line(text))


def study_note(study: StudyRecord) -> str:
    """What a reader should know first: the winner, the front, what became of the proposals, what to type next."""
    held = study.stored
    winner = fronts.winner(study.trials, study.axis)
    parts = [f"# {escaped(study.name)}", _conditions(study, held)]
    if winner is None:
        parts += ["No trial is complete yet.", _counts(study)]
    else:
        parts += [_winner(study, winner, held), _counts(study), *_front(study, winner), _commands(study, winner)]
    return "\n\n".join(parts) + "\n"


def trial_note(study: StudyRecord, trial: TrialRecord) -> str:
    """What a trial of the front is worth and where its parameters and MACs are."""
    held = study.stored
    proposal = trial.proposal
    assert proposal is not None, "a trial of the front was proposed"
    cost = proposal.cost
    lines = [
        f"**On the front**: {percent(trial.score)} with {_share('params', cost.params, held)}.",
        "",
        f"Accuracy is the {score_words(held.epochs)}, its 95 % interval {span(interval(study, trial.score))} "
        f"({whole(held.images)} validation images). {_share('macs', cost.macs, held)}, "
        f"{_share('peak_bytes', cost.peak_bytes, held)}, {_share('params_bytes', cost.params_bytes, held)}.",
        "",
        "| stage | output | parameters | MACs |",
        "|---|---|---:|---:|",
        *(_row(row) for row in rows(plan_of(study, trial), held.precision)),
        "",
        _fenced(f"underbudget export {_quoted(f'{study.name}:{trial.trial}')} --output trial-{trial.trial}.py"),
    ]
    return "\n".join(lines) + "\n"


def _conditions(study: StudyRecord, held: StoredSettings) -> str:
    epochs = f"{held.epochs} epochs a trial, " if held.epochs else ""
    return (
        f"{escaped(held.dataset.title)}, {epochs}accuracies on {whole(held.images)} validation images "
        f"({score_words(held.epochs)}), budget {escaped(held.budget)}."
    )


def _winner(study: StudyRecord, trial: TrialRecord, held: StoredSettings) -> str:
    assert trial.proposal is not None, "a winner was proposed"
    sure = span(interval(study, trial.score))
    return (
        f"**Winner: {_link(trial, 'trial ')}**, {percent(trial.score)} (95 % interval {sure}), "
        f"{_share('params', trial.proposal.cost.params, held)}, chosen from "
        f"{len(fronts.scored(study.trials)):,} complete trials."
    )


def _counts(study: StudyRecord) -> str:
    found = counts(study)
    saved = epochs_saved(study)
    sparing = f" ({saved:,} epochs saved)" if saved else ""
    words = [
        f"{found['proposed']:,} proposed",
        f"{found['complete']:,} complete",
        f"{found['stopped']:,} stopped early{sparing}",
        f"{found['rejected']:,} rejected before any training",
        f"{found['failed']:,} failed",
    ]
    if found["running"]:
        words.append(f"{found['running']:,} running")
    return ", ".join(words) + "."


def _front(study: StudyRecord, winner: TrialRecord) -> list[str]:
    front = fronts.front(study.trials, study.axis)[::-1]
    rows = ["| trial | parameters | MACs | accuracy | 95 % interval |", "|---|---:|---:|---:|---|"]
    for trial in front[:_LISTED]:
        assert trial.proposal is not None
        cost = trial.proposal.cost
        rows.append(
            f"| {_link(trial)} | {whole(cost.params)} | {whole(cost.macs)} | {percent(trial.score)} "
            f"| {span(interval(study, trial.score))} |"
        )
    left = len(front) - _LISTED
    more = [f"and {left:,} smaller ones."] if left > 0 else []
    return ["## Front", "\n".join(rows), *more]


def _commands(study: StudyRecord, winner: TrialRecord) -> str:
    name = _quoted(study.name)
    return _fenced(f"underbudget report {name} --open\nunderbudget export {name} --output winner.py")


def _share(metric: str, value: int, held: StoredSettings) -> str:
    limit = held.limit_on(metric)
    share = "" if limit is None else f" ({100 * value / limit.largest:.1f} % of the budget)"
    return f"{value:,} {_LIMIT_WORDS[metric]}{share}"


def _row(row: LayerRow) -> str:
    words = escaped(f"{row.op} {row.tail}".strip())
    shape = "x".join(str(size) for size in row.output_shape)
    return f"| {words} | {shape} | {row.params:,} | {row.macs:,} |"


def _link(trial: TrialRecord, word: str = "") -> str:
    """A link to a trial from the study's note, whose address is .../studies/ID/note."""
    return f"[{word}{trial.trial}](trials?numbers={trial.trial})"


def _fenced(text: str) -> str:
    """Text as it is, in a block that it cannot close."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def _quoted(word: str) -> str:
    """A word for a POSIX shell, on one line."""
    import shlex

    return shlex.quote(_line(word))


def _line(text: str) -> str:
    return " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in text).split())
