"""The stored form of a record: plain JSON that reads back."""

import json
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studies import Spec, settings, trial_record, trial_result

from underbudget.budget.count import Cost
from underbudget.reports import record
from underbudget.reports.settings import stored_settings


def test_score_is_the_mean_of_the_last_three_epochs() -> None:
    assert record.score([10.0, 99.0, 98.0, 97.0]) == 98.0
    assert record.score([90.0, 92.0]) == 91.0
    assert record.score([91.5]) == 91.5
    with pytest.raises(ValueError, match="at least one epoch"):
        record.score([])


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20))
def test_score_agrees_with_the_standard_library(accuracies: list[float]) -> None:
    assert record.score(accuracies) == pytest.approx(statistics.fmean(accuracies[-3:]), abs=1e-12)


def test_score_of_nan_is_nan() -> None:
    assert math.isnan(record.score([99.0, math.nan, 99.0]))


@pytest.mark.parametrize("state", record.STATES)
@pytest.mark.parametrize(
    "reason",
    ["", "same as #12", "worker said: no memory: 3 GB", "8,214 parameters are 215 over the budget params<8000"],
)
def test_a_verdict_reads_back(state: str, reason: str) -> None:
    assert record.split_verdict(record.verdict(state, reason)) == (state, reason)


def test_a_verdict_is_written_as_documented() -> None:
    assert record.verdict("rejected", "same as #12") == "rejected: same as #12"
    assert record.verdict("complete") == "complete"


def test_a_proposal_survives_json() -> None:
    cost = Cost(1234, 74040, 43264, 4936)
    recipe = {"name": "plain", "schedule": {"warm_up": 0.2}}
    proposal = record.Proposal("0123456789ab", "conv3x3(8) | gap", cost, seed=7, recipe=recipe, retry_of=3)
    stored = record.attributes(proposal)
    assert stored["layers"] == proposal.layers_text
    assert stored["record"]["record_version"] == 1
    assert stored["record"]["cost"] == {"params": 1234, "macs": 74040, "peak_bytes": 43264, "params_bytes": 4936}
    assert record.proposal_from_json(json.loads(json.dumps(stored["record"]))) == proposal


def test_a_result_survives_json() -> None:
    result = trial_result(3, Spec())
    assert record.Result(**json.loads(json.dumps(record.to_json(result)))) == result


@pytest.mark.parametrize("state", ["stopped", "failed", "running", "rejected"])
def test_only_a_complete_trial_has_a_score(state: str) -> None:
    assert trial_record(0, Spec("complete")).score == pytest.approx(98.5)
    assert trial_record(0, Spec(state)).score is None


def test_stored_settings_have_types() -> None:
    found = stored_settings(settings("mnist", 10_000, budget="macs<=1.5M, params<8000", minimize="macs"))
    assert (found.dataset.name, found.dataset.title) == ("mnist", "MNIST handwritten digits")
    assert found.dataset.input_shape == (1, 28, 28)
    assert found.dataset.classes == tuple("0123456789")
    assert (found.images, found.epochs, found.seed, found.precision) == (10_000, 15, 0, "float32")
    assert [limit.largest for limit in found.limits] == [7999, 1_500_000]  # in the order of the costs
    assert found.limit == 1_500_000
    assert found.hypervolume_reference == {"params": 7999, "error": 10.0}


def test_settings_that_a_study_lacks_are_empty() -> None:
    found = stored_settings({"record_version": 1, "budget": "of another version"})
    assert (found.dataset.name, found.dataset.checksum) == ("unknown data set", None)
    assert (found.limits, found.limit, found.images, found.epochs, found.seed) == ((), None, None, None, None)
    assert (found.minimize, found.recipe, found.hypervolume_reference) == ("params", {}, {})
