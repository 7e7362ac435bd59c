"""The network of a stored trial, and what differs between two networks, in words."""

from collections import Counter

from underbudget.models.architecture import BatchNorm, Conv, Dropout, GlobalAveragePool, Linear, Pool
from underbudget.models.errors import UserError
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan
from underbudget.reports.record import StudyRecord, TrialRecord

_PARTS = {
    Conv: "convolutions",
    BatchNorm: "batch norms",
    Dropout: "dropouts",
    Pool: "pools",
    Linear: "linear layers",
}


def plan_of(study: StudyRecord, trial: TrialRecord) -> Plan:
    """The plan of a trial's network. Raises UserError for a trial without one, and for a text of another version."""
    if trial.proposal is None:
        raise UserError(f"trial {trial.trial} of {study.name} has no network: it ended before one was proposed")
    dataset = study.stored.dataset
    return plan(parse(trial.proposal.layers_text), dataset.input_shape, len(dataset.classes))


def changes(new_plan: Plan, old_plan: Plan) -> list[str]:
    """What differs between two networks, each as a fact; empty where they are the same."""
    found = []
    params = sum(layer.params for layer in new_plan.layers) - sum(layer.params for layer in old_plan.layers)
    if params:
        found.append(f"{params:+,} parameters")
    old, new = _parts(old_plan), _parts(new_plan)
    found += [f"{name} {old[name]} to {new[name]}" for name in sorted(old | new) if old[name] != new[name]]
    old_rates, new_rates = _rates(old_plan), _rates(new_plan)
    if old_rates != new_rates and old_rates and new_rates:
        found.append(f"dropout rate {_numbers(old_rates)} to {_numbers(new_rates)}")
    old_head, new_head = _head(old_plan), _head(new_plan)
    if old_head != new_head:
        found.append(f"ends in {new_head} instead of {old_head}")
    if not found and str(old_plan.architecture) != str(new_plan.architecture):
        found.append("order of layers or widths")
    return found


def _parts(network: Plan) -> Counter[str]:
    """How many layers of each kind."""
    kinds = (type(layer.operation) for layer in network.layers)
    return Counter(_PARTS[kind] for kind in kinds if kind in _PARTS)


def _rates(network: Plan) -> tuple[float, ...]:
    return tuple(sorted({layer.operation.rate for layer in network.layers if isinstance(layer.operation, Dropout)}))


def _head(network: Plan) -> str:
    """The stages from global average pooling on, else the last one."""
    stages = [stage.primary for stage in network.architecture.stages]
    start = next((place for place, stage in enumerate(stages) if isinstance(stage, GlobalAveragePool)), -1)
    return " ".join(map(str, stages[start:]))


def _numbers(values: tuple[float, ...]) -> str:
    return " and ".join(f"{value:g}" for value in values)
