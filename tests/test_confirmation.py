"""`underbudget confirm`: fresh seeds, study attributes, counted readings, resumption, the closing line."""

import csv
import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
import simulated
import stub_runs
from scipy import stats
from studies import Spec, settings, trial_record

from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.models.weights import sha256
from underbudget.reports.confirmation import Confirmation, Confirmed
from underbudget.reports.reading import read_study
from underbudget.reports.record import StudyRecord
from underbudget.search.commands.main import run
from underbudget.search.data.store import Dataset
from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.engines.job import EpochDone, Finished, Job, Message
from underbudget.search.experiments import test_set_accesses
from underbudget.search.experiments.confirmation import choose
from underbudget.search.training import built_in_recipes, recipe_json, run_length


def by_size(job: Job) -> Iterator[Message]:
    """A training whose accuracy rises with the network, so that every trial is on the front."""
    params = sum(layer.params for layer in plan(parse(job.layers_text), (1, 28, 28)).layers)
    for epoch in range(1, job.recipe["epochs"] + 1):
        yield EpochDone(job.trial, epoch, 1.0, 50.0, 1.0, 80 + 4 * math.log10(params), 0.5)
    yield Finished(job.trial, "eA==", [[1]], 2.0, "simulated", "cpu", "none", {"python": "3"})


@pytest.fixture
def study(digits: Dataset, tmp_path: Path) -> Path:
    """The folder of a searched study on digits, with several networks on its front."""
    folder = tmp_path / "toy"
    fixed = dataclasses.replace(simulated.settings(epochs=6), dataset=digits.info)
    simulated.search(folder, 5, fixed=fixed, engine=InProcessEngine(by_size), sampler="random")
    return folder


def command(study: Path, digits: Dataset, *more: str) -> list[str]:
    return ["confirm", "toy", "--runs", str(study.parent), "--data-dir", stub_runs.data_dir(digits), *more]


def attributes(study: Path) -> dict[str, object]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{study / 'study.db'}")
    found = optuna.load_study(study_name="toy", storage=storage).user_attrs
    storage.engine.dispose()
    return dict(found)


def test_finalists_are_retrained_on_fresh_seeds(
    study: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = stub_runs.instead_of_workers(monkeypatch)
    trials_before = simulated.proposals(study)
    ledger = test_set_accesses.total(digits.folder)
    assert run(command(study, digits, "--top", "3", "--seeds", "2", "--target", "90", "--json")) == 0
    found = json.loads(capsys.readouterr().out)

    by_score = sorted((trial for trial in trials_before if trial[2] == "COMPLETE"), key=lambda trial: -trial[3][1])
    assert [row["trial"] for row in found["finalists"]] == [trial[0] for trial in by_score[:3]]
    count = 3

    seeds = {job.seed for job in jobs}
    assert len(seeds) == len(jobs) == 2 * count
    searched = {
        trial.proposal.seed for trial in read_study(f"sqlite:///{study / 'study.db'}", "toy").trials if trial.proposal
    }
    assert not seeds & searched
    assert {job.protocol for job in jobs} == {"confirm"}

    for row in found["finalists"]:
        values = [one["last"] for one in found["runs"] if one["trial"] == row["trial"]]
        low, high = stats.t.interval(0.95, 1, loc=sum(values) / 2, scale=stats.sem(values))
        assert (row["mean"], row["min"], row["max"]) == pytest.approx((sum(values) / 2, min(values), max(values)))
        assert (row["low"], row["high"]) == pytest.approx((low, high))
    rho = stats.spearmanr(
        [row["search_score"] for row in found["finalists"]], [row["mean"] for row in found["finalists"]]
    ).statistic
    assert found["rank_correlation"] == pytest.approx(rho)
    assert found["readings"] == 2 * count == test_set_accesses.total(digits.folder) - ledger
    assert simulated.proposals(study) == trials_before  # finished trials are frozen

    stored = attributes(study)
    names = {f"confirmation:{row['trial']}:{index}" for row in found["finalists"] for index in range(2)}
    assert {name for name in stored if name.startswith("confirmation:")} == names
    assert len(stored["readings"]) == 2 * count  # type: ignore[arg-type]
    for name in names:
        entry = stored[name]
        trial, index = name.split(":")[1:]
        weights = study / "confirm" / f"trial-{trial}" / f"seed-{index}.safetensors"
        assert sha256(weights.read_bytes()) == entry["weights_sha256"]  # type: ignore[index]
    read = read_study(f"sqlite:///{study / 'study.db'}", "toy")
    assert (len(read.confirmations), len(read.readings)) == (2 * count, 2 * count)
    with (study / "confirm" / "confirmed.csv").open() as file:
        assert [float(row["mean"]) for row in csv.DictReader(file)] == [row["mean"] for row in found["finalists"]]


def test_it_goes_on_where_it_was_stopped(
    study: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = 0

    def interrupted(job):  # type: ignore[no-untyped-def]
        nonlocal begun
        begun += 1
        if begun == 3:
            raise KeyboardInterrupt
        return stub_runs.detailed(job)

    stub_runs.instead_of_workers(monkeypatch, interrupted)
    assert run(command(study, digits, "--top", "2", "--seeds", "2")) == 130
    jobs = stub_runs.instead_of_workers(monkeypatch)
    assert run(command(study, digits, "--top", "2", "--seeds", "2", "--target", "90")) == 0
    assert len(jobs) == 2
    jobs.clear()
    capsys.readouterr()
    assert run(command(study, digits, "--top", "2", "--seeds", "3", "--target", "90")) == 0
    assert len(jobs) == 2  # one more seed of each
    assert len(attributes(study)["readings"]) == 6  # type: ignore[arg-type]
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert last.startswith("target 90.00: held in each of the last 5 epochs by ")
    assert last.endswith(" of 3 seeds")


def test_a_run_that_the_study_does_not_know_is_taken_from_the_folder(
    study: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a crash between the file and the attribute."""
    stub_runs.instead_of_workers(monkeypatch)
    assert run(command(study, digits, "--top", "1", "--seeds", "1")) == 0
    name = next(name for name in attributes(study) if name.startswith("confirmation:"))
    value = attributes(study)[name]
    storage = optuna.storages.RDBStorage(f"sqlite:///{study / 'study.db'}")
    optuna.load_study(study_name="toy", storage=storage).set_user_attr(name, None)
    storage.engine.dispose()
    jobs = stub_runs.instead_of_workers(monkeypatch)
    assert run(command(study, digits, "--top", "1", "--seeds", "1")) == 0
    assert not jobs
    assert attributes(study)[name] == value


def test_a_confirmed_run_of_other_conditions_is_not_trained_again(
    study: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would read the test part once more."""
    stub_runs.instead_of_workers(monkeypatch)
    assert run(command(study, digits, "--top", "1", "--seeds", "1")) == 0
    name, value = next((name, value) for name, value in attributes(study).items() if name.startswith("confirmation:"))
    assert isinstance(value, dict)
    storage = optuna.storages.RDBStorage(f"sqlite:///{study / 'study.db'}")
    optuna.load_study(study_name="toy", storage=storage).set_user_attr(name, {**value, "seed": value["seed"] + 1})
    storage.engine.dispose()
    jobs = stub_runs.instead_of_workers(monkeypatch)
    capsys.readouterr()
    assert run(command(study, digits, "--top", "1", "--seeds", "1")) == 2
    assert f"{name} of the study is a run of other conditions (seed: it has " in capsys.readouterr().err
    assert not jobs


def test_finalists_of_an_accuracy_study_are_its_highest_scores(digits: Dataset) -> None:
    """Whatever they cost: of four trials only #0 and #3 are on the front of parameters and accuracy."""
    recipe = recipe_json.to_json(run_length.resolve(built_in_recipes.recipe("rot7"), images=1258))
    specs = [Spec(params=p, accuracies=(a,) * 4) for p, a in ((900, 98.0), (7000, 99.0), (7500, 99.1), (6000, 99.2))]
    trials = tuple(
        dataclasses.replace(trial, proposal=dataclasses.replace(trial.proposal, recipe=recipe))
        for number, spec in enumerate(specs)
        if (trial := trial_record(number, spec)).proposal is not None
    )
    for objective, expected in (("front", [3, 0]), ("accuracy", [3, 2, 1])):
        made = StudyRecord("toy", settings(objective=objective), trials)
        assert [trial.trial for trial, _ in choose(made, 3, 1, digits)] == expected


def test_the_closing_line_is_of_the_network_that_the_search_chose() -> None:
    """Not of the one that the test set would choose."""
    chosen = Confirmed(
        trial_record(1, Spec(accuracies=(99.5,) * 4)),
        tuple(stub_runs.a_run(values) for values in ((99.3, 99.4, 99.4), (99.4, 99.5, 99.6), (99.4, 99.4, 99.4))),
    )
    other = Confirmed(trial_record(2, Spec(accuracies=(99.1,) * 4)), (stub_runs.a_run((99.9, 99.9, 99.9)),) * 3)
    result = Confirmation("demo", (chosen, other), 99.4)
    assert result.closing() == "target 99.40: held in each of the last 3 epochs by 2 of 3 seeds"
    assert result.correlation is None  # two finalists
    assert Confirmation("demo", (chosen, other)).closing() is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--top", "0"], "--top is a whole number from 1 to 1000, not 0"),
        (["--seeds", "-1"], "--seeds is a whole number from 1 to 1000, not -1"),
        (["--target", "101"], "--target is an accuracy in percent"),
    ],
)
def test_user_mistakes(
    given: list[str], said: str, study: Path, digits: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command(study, digits, *given)) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
    assert not (study / "confirm").exists()


def test_a_study_without_a_complete_trial_is_refused(
    digits: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = dataclasses.replace(simulated.settings(), dataset=digits.info)
    simulated.search(tmp_path / "toy", 1, fixed=fixed, stop_after=1)
    assert run(command(tmp_path / "toy", digits)) == 2
    assert "no complete trial yet" in capsys.readouterr().err
