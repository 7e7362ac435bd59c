"""The top of the page: the winner, what it costs and how sure its accuracy is, and what became of the proposals."""

from collections import Counter
from dataclasses import dataclass

from underbudget.reports import front as fronts
from underbudget.reports.page.conditions import Conditions
from underbudget.reports.page.numbers import percent, span, whole
from underbudget.reports.record import StudyRecord, TrialRecord
from underbudget.reports.tables import counts, epochs_saved, interval

_REASONS = 5  # of failures, most frequent first


@dataclass(frozen=True)
class Share:
    """How much of one limit of the budget the winner uses."""

    metric: str
    used: str
    limit: str
    percent: float


@dataclass(frozen=True)
class Winner:
    trial: int
    accuracy: str
    span: str
    params: str
    axis_cost: str  # what the search minimised beside parameters; "" for parameters
    shares: tuple[Share, ...]
    layers_text: str
    chosen_from: int  # complete trials


@dataclass(frozen=True)
class Target:
    accuracy: str
    smallest: str  # sentences
    first: str


@dataclass(frozen=True)
class Headline:
    winner: Winner | None
    counts: dict[str, int]
    failures: tuple[tuple[str, int], ...]  # (reason, how often)
    target: Target | None
    epochs_saved: int  # by early stopping


def headline(study: StudyRecord, conditions: Conditions, target: float | None) -> Headline:
    """What the top of the page says."""
    best = fronts.winner(study.trials, study.axis)
    reasons = Counter(trial.reason or "no reason was recorded" for trial in study.trials if trial.state == "failed")
    return Headline(
        winner=None if best is None else _winner(study, conditions, best),
        counts=counts(study),
        failures=tuple(reasons.most_common(_REASONS)),
        target=None if target is None else _target(study, target),
        epochs_saved=epochs_saved(study),
    )


def _winner(study: StudyRecord, conditions: Conditions, trial: TrialRecord) -> Winner:
    proposal = trial.proposal
    assert proposal is not None, "a winner was proposed"
    shares = []
    for limit in conditions.limits:
        used = getattr(proposal.cost, limit.metric)
        shares.append(Share(limit.metric, whole(used), whole(limit.largest), 100 * used / limit.largest))
    return Winner(
        trial=trial.trial,
        accuracy=percent(trial.score),
        span=span(interval(study, trial.score)),
        params=whole(proposal.cost.params),
        axis_cost="" if study.axis == "params" else whole(fronts.cost(trial, study.axis)),
        shares=tuple(shares),
        layers_text=proposal.layers_text,
        chosen_from=len(fronts.scored(study.trials)),
    )


def _target(study: StudyRecord, target: float) -> Target:
    smallest = fronts.smallest_holding(study.trials, target, study.axis)
    first = fronts.first_reaching(study.trials, target)
    return Target(
        accuracy=f"{target:g} %",
        smallest="no network holds it in each of its last 3 epochs"
        if smallest is None
        else f"trial {smallest.trial} with {whole(fronts.cost(smallest, study.axis))} {fronts.AXIS_WORDS[study.axis]} "
        "is the smallest network that "
        f"holds it in each of its last 3 epochs (score {percent(smallest.score)})",
        first="no trial has reached it at any epoch"
        if first is None
        else f"trial {first.trial} was the first to reach it, at epoch {fronts.reaching_epoch(first, target)}",
    )
