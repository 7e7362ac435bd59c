"""Notes for Optuna Dashboard, in the Markdown that it renders (CommonMark with GitHub's tables, no HTML).

Names that a person chose are escaped: shown as they are, on one line.
"""

import re
import shlex

from underbudget.budget.table import rows
from underbudget.reports import front as fronts
from underbudget.reports.latex import one_line
from underbudget.reports.network import plan_of
from underbudget.reports.page.numbers import percent, span, whole
from underbudget.reports.record import StudyRecord, TrialRecord, score_words
from underbudget.reports.settings import StoredSettings
from underbudget.reports.tables import counts, epochs_saved, interval

_LISTED = 40  # trials of the front in the study's note
_SPECIAL = re.compile(r"([!-/:-@\[-`{-~])")  # ASCII punctuation: all of it may follow a backslash in CommonMark


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line; control characters are left out."""
    return _SPECIAL.sub(r"\\\1", one_line(text))


def study_note(study: StudyRecord) -> str:
    """What a reader wants to know first: the winner, the front, what became of the proposals, what to type next."""
    held = study.stored
    winner = fronts.winner(study.trials, study.axis)
    epochs = f"{held.epochs} epochs a trial, " if held.epochs else ""
    parts = [
        f"# {escaped(study.name)}",
        f"{escaped(held.dataset.title)}, {epochs}accuracies on {whole(held.images)} validation images "
        f"({score_words(held.epochs)}), budget {escaped(held.budget)}.",
    ]
    if winner is None or winner.proposal is None:
        return "\n\n".join([*parts, "No trial is complete yet.", _counts(study)]) + "\n"
    name = _quoted(study.name)
    parts += [
        f"**Winner: {_link(winner, 'trial ')}**, {percent(winner.score)} "
        f"(95 % interval {span(interval(study, winner.score))}), "
        f"{_share('params', winner.proposal.cost.params, held)}, chosen from "
        f"{len(fronts.scored(study.trials)):,} complete trials.",
        _counts(study),
        *_front(study),
        _fenced(f"underbudget report {name} --open\nunderbudget export {name} --output winner.py"),
    ]
    return "\n\n".join(parts) + "\n"


def trial_note(study: StudyRecord, trial: TrialRecord) -> str:
    """The accuracy of a trial of the front, and where its parameters and MACs are."""
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
        *(
            f"| {escaped(f'{row.op} {row.tail}'.strip())} | {'x'.join(map(str, row.output_shape))} "
            f"| {row.params:,} | {row.macs:,} |"
            for row in rows(plan_of(study, trial), held.precision)
        ),
        "",
        _fenced(f"underbudget export {_quoted(f'{study.name}:{trial.trial}')} --output trial-{trial.trial}.py"),
    ]
    return "\n".join(lines) + "\n"


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


def _front(study: StudyRecord) -> list[str]:
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


def _share(metric: str, value: int, held: StoredSettings) -> str:
    limit = held.limit_on(metric)
    share = "" if limit is None else f" ({100 * value / limit.largest:.1f} % of the budget)"
    return f"{value:,} {fronts.AXIS_WORDS[metric]}{share}"


def _link(trial: TrialRecord, word: str = "") -> str:
    """A link to a trial from the study's note, whose address is .../studies/ID/note."""
    return f"[{word}{trial.trial}](trials?numbers={trial.trial})"


def _fenced(text: str) -> str:
    """Text as it is, in a block that it cannot close."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def _quoted(word: str) -> str:
    """A word for a POSIX shell, on one line."""
    return shlex.quote(one_line(word))
