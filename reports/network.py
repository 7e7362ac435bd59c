"""The network of a stored trial, placed on its data set's images."""

from underbudget.models.errors import UserError
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan
from underbudget.reports.record import StudyRecord, TrialRecord


def plan_of(study: StudyRecord, trial: TrialRecord) -> Plan:
    """The plan of a trial's network.

    Raises UserError for a trial that died before it was proposed, and for a text that this version cannot read.
    """
    if trial.proposal is None:
        raise UserError(f"trial {trial.trial} of {study.name} has no network: it ended before one was proposed")
    dataset = study.settings["dataset"]
    return plan(parse(trial.proposal.layers_text), tuple(dataset["input_shape"]), len(dataset["classes"]))
