"""Protocols, judging, stored runs, the ledger of readings, and statistics over seeds."""

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stub_runs
import torch
from scipy import stats
from sklearn import metrics

from underbudget.models.build import build
from underbudget.models.errors import UnderbudgetError, UserError
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.models.references import reference
from underbudget.models.weights import decode, from_text
from underbudget.reports.network_tables import field_rows, summary_rows, totals
from underbudget.reports.runs import Run, from_json, holding, read_run, to_json
from underbudget.reports.statistics import Difference, difference, rank_correlation, standard_errors, summary
from underbudget.reports.training import in_words
from underbudget.search.data.protocol import under_protocol
from underbudget.search.data.store import Dataset
from underbudget.search.engines import runner
from underbudget.search.engines.inprocess import InProcessEngine
from underbudget.search.engines.job import EpochDone, Failed, Finished, Job, Message, StepsDone
from underbudget.search.experiments import test_set_accesses
from underbudget.search.experiments.events import Event, Kept, Lost, Over
from underbudget.search.experiments.run_spec import RunSpec
from underbudget.search.experiments.runs import Completed, complete
from underbudget.search.experiments.setup import Setup
from underbudget.search.training import built_in_recipes, recipe, recipe_json, run_length

LAYERS = "conv3x3(4,s2) relu bn | conv3x3(8,s2) relu bn | gap | linear(10)"


def recipe(epochs: int = 2) -> recipe.Recipe:
    return run_length.resolve(built_in_recipes.recipe("rot7"), images=1258, epochs=epochs, batch_size=64)


def job(digits: Dataset, protocol: str, epochs: int = 3) -> Job:
    return Job(0, LAYERS, recipe_json.to_json(recipe(epochs)), 5, str(digits.folder), digits.info.fingerprint, "cpu",
               backend="plain", protocol=protocol, detailed=True)  # fmt: skip


def spec(seed: int = 0, epochs: int = 2, protocol: str = "published") -> RunSpec:
    return RunSpec(f"net/seed-{seed}", "net", parse(LAYERS), recipe(epochs), seed, protocol)


# -- protocols


def test_a_protocol_decides_what_is_trained_and_judged_on(digits: Dataset) -> None:
    train, validation, test = (digits.part(name) for name in ("train", "validation", "test"))
    assert under_protocol(digits, "search") is digits
    for protocol, watched in (("published", test), ("confirm", validation)):
        seen = under_protocol(digits, protocol)
        both = np.concatenate([train.images, validation.images])
        assert np.array_equal(seen.part("train").images, both)
        assert np.array_equal(seen.part("train").labels, np.concatenate([train.labels, validation.labels]))
        assert np.array_equal(seen.part("validation").images, watched.images)
        assert np.array_equal(seen.part("validation").labels, watched.labels)
        assert seen.info.counts["train"] == 1258 + 270
        assert seen.info.mean[0] == pytest.approx(both.mean() / 255)
        assert seen.info.std[0] == pytest.approx(both.std() / 255)


@pytest.mark.parametrize(("protocol", "opened"), [("search", False), ("confirm", True), ("published", True)])
def test_test_labels_are_opened_when_the_protocol_says_so(
    protocol: str, opened: bool, digits: Dataset, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    paths: list[str] = []
    load: Callable[..., Any] = np.load

    def noted(path: Any, *rest: Any, **more: Any) -> Any:
        paths.append(Path(path).name)
        return load(path, *rest, **more)

    monkeypatch.setattr(np, "load", noted)
    seen_before_the_end = []
    for message in runner.run(job(digits, protocol)):
        if isinstance(message, EpochDone):
            seen_before_the_end.append("test-labels.npy" in paths)
    assert isinstance(message, Finished), message
    assert seen_before_the_end == [protocol == "published"] * 3
    assert ("test-labels.npy" in paths) == opened


def test_confirm_judges_every_epoch_as_published_does_but_in_one_reading(digits: Dataset, one_thread: None) -> None:
    """Both train on the same images with the same seed, so each epoch's weights are the same."""
    published = [m for m in runner.run(job(digits, "published")) if isinstance(m, EpochDone)]
    *_, end = runner.run(job(digits, "confirm"))
    assert isinstance(end, Finished)
    assert end.evaluation is not None
    assert [entry["accuracy"] for entry in end.evaluation["curve"]] == pytest.approx(
        [epoch.val_accuracy for epoch in published], abs=1e-9
    )
    assert [entry["loss"] for entry in end.evaluation["curve"]] == pytest.approx(
        [epoch.val_loss for epoch in published], rel=1e-5
    )


def test_what_is_judged_is_what_scikit_learn_says(digits: Dataset, one_thread: None) -> None:
    *_, end = runner.run(job(digits, "confirm", epochs=1))
    assert isinstance(end, Finished)
    assert end.evaluation is not None
    assert end.mean is not None
    assert end.std is not None
    model = build(plan(parse(LAYERS), (1, 28, 28)))
    model.load_state_dict(decode(from_text(end.weights)))
    part = digits.part("test")
    images = (torch.from_numpy(np.array(part.images)).float() / 255 - end.mean[0]) / end.std[0]
    with torch.no_grad():
        chances = torch.softmax(model.eval()(images), 1).double().numpy()
    chances /= chances.sum(1, keepdims=True)
    guesses = chances.argmax(1)
    assert end.evaluation["confusion"] == metrics.confusion_matrix(part.labels, guesses, labels=range(10)).tolist()
    last = end.evaluation["curve"][-1]
    assert last["accuracy"] == pytest.approx(100 * metrics.accuracy_score(part.labels, guesses))
    assert last["loss"] == pytest.approx(metrics.log_loss(part.labels, chances, labels=range(10)), rel=1e-4)
    missed = {entry[0]: entry[1:] for entry in end.evaluation["missed"]}
    assert sorted(missed) == np.flatnonzero(guesses != part.labels).tolist()
    for index, (true, guess, confidence) in missed.items():
        assert (true, guess) == (part.labels[index], guesses[index])
        assert confidence == pytest.approx(100 * chances[index].max(), abs=0.02)


def test_a_detailed_job_tells_its_steps(digits: Dataset, one_thread: None) -> None:
    told: list[Message] = []
    said = list(runner.run(job(digits, "search", epochs=2), tell=told.append))
    epochs = [message for message in said if isinstance(message, EpochDone)]
    ends = [m for m in told if isinstance(m, StepsDone) and m.step == m.steps]
    assert [m.epoch for m in ends] == [1, 2]
    assert {m.steps for m in ends} == {math.ceil(1258 / 64)}
    assert [m.train_loss for m in ends] == [epoch.train_loss for epoch in epochs]
    assert [m.train_accuracy for m in ends] == [epoch.train_accuracy for epoch in epochs]


# -- stored runs


def run_all(
    specs: list[RunSpec],
    digits: Dataset,
    folder: Path,
    train: Callable[[Job], Iterator[Message]] = stub_runs.detailed,
) -> tuple[dict[str, Run], list[Event]]:
    done, events = try_all(specs, digits, folder, train)
    return done.all(), events


def try_all(
    specs: list[RunSpec], digits: Dataset, folder: Path, train: Callable[[Job], Iterator[Message]]
) -> tuple[Completed, list[Event]]:
    class InProcess(Setup):
        def engine(self, jobs: int) -> InProcessEngine:
            return InProcessEngine(train)

    events: list[Event] = []
    return complete(specs, InProcess(digits, "cpu"), folder, "train", events.append), events


def never(job: Job) -> Iterator[Message]:
    raise AssertionError("nothing is left to be trained")


def test_finished_runs_are_kept_and_not_trained_again(digits: Dataset, tmp_path: Path) -> None:
    first, _ = run_all([spec(0)], digits, tmp_path)
    both, events = run_all([spec(0), spec(1)], digits, tmp_path)
    assert [type(event) for event in events if isinstance(event, Kept | Over)] == [Kept, Over]
    assert both["net/seed-0"] == first["net/seed-0"]
    again, _ = run_all([spec(0), spec(1)], digits, tmp_path, never)
    assert again == both
    assert read_run(tmp_path / "net/seed-1.json") == both["net/seed-1"]
    assert (tmp_path / "net/seed-1.safetensors").read_bytes() == f"{parse(LAYERS)}/1".encode()


def test_a_stored_run_of_other_conditions_is_refused(digits: Dataset, tmp_path: Path) -> None:
    run_all([spec(0)], digits, tmp_path)
    with pytest.raises(UserError, match="epochs: it has 2, you asked for 3"):
        run_all([spec(0, epochs=3)], digits, tmp_path, never)
    with pytest.raises(UserError, match="protocol: it has published, you asked for confirm"):
        run_all([spec(0, protocol="confirm")], digits, tmp_path, never)
    (tmp_path / "net/seed-0.json").write_text('{"run_version": 99}')
    with pytest.raises(UserError, match="record version 99, this program reads 1"):
        run_all([spec(0)], digits, tmp_path, never)


def test_a_run_whose_weights_are_gone_is_trained_again(digits: Dataset, tmp_path: Path) -> None:
    run_all([spec(0)], digits, tmp_path)
    (tmp_path / "net/seed-0.safetensors").write_bytes(b"changed")
    _, events = run_all([spec(0)], digits, tmp_path)
    assert [type(event) for event in events if isinstance(event, Kept | Over)] == [Over]
    assert (tmp_path / "net/seed-0.safetensors").read_bytes() == f"{parse(LAYERS)}/0".encode()


def test_a_run_that_fails_costs_itself_only(digits: Dataset, tmp_path: Path) -> None:
    bad = stub_runs.failing(lambda job: job.seed == 0)
    with pytest.raises(UnderbudgetError, match=r"1 of 2 runs failed, the first \(net/seed-0\): the loss is not finite"):
        run_all([spec(0), spec(1)], digits, tmp_path, bad)
    assert (tmp_path / "net/seed-1.json").exists()
    done, _ = try_all([spec(0), spec(1)], digits, tmp_path, bad)
    assert list(done.runs) == ["net/seed-1"]
    assert list(done.lost) == ["net/seed-0"]


def test_a_dead_worker_s_run_is_tried_once_more(digits: Dataset, tmp_path: Path) -> None:
    tries: list[int] = []

    def once(job: Job) -> bool:
        tries.append(job.seed)
        return len(tries) == 1

    done, events = run_all([spec(0)], digits, tmp_path, stub_runs.failing(once, transient=True))
    assert [event.final for event in events if isinstance(event, Lost)] == [False]
    assert len(done["net/seed-0"].curve) == 2
    with pytest.raises(UnderbudgetError, match="SIGKILL"):
        run_all([spec(1)], digits, tmp_path, stub_runs.failing(lambda job: True, transient=True))


def test_a_folder_that_cannot_be_written_is_told_before_training(digits: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        run_all([spec(0)], digits, tmp_path / "file" / "below", never)


def test_each_reading_is_counted(digits: Dataset, tmp_path: Path) -> None:
    before = test_set_accesses.total(digits.folder)
    run_all([spec(0, protocol="search")], digits, tmp_path / "a")
    assert test_set_accesses.total(digits.folder) == before
    run_all([spec(0, protocol="confirm")], digits, tmp_path / "b")
    assert test_set_accesses.total(digits.folder) == before + 1
    done, _ = run_all([spec(0, epochs=4)], digits, tmp_path / "c")
    assert done["net/seed-0"].readings == 4
    assert test_set_accesses.total(digits.folder) == before + 5
    with pytest.raises(UnderbudgetError):  # it had judged one epoch when it failed
        run_all([spec(1)], digits, tmp_path / "d", stub_runs.failing(lambda job: True))
    assert test_set_accesses.total(digits.folder) == before + 6
    last = json.loads((digits.folder / test_set_accesses.FILE).read_text().splitlines()[-1])
    assert (last["what"], last["subject"], last["seed"], last["times"]) == ("train", "net", 1, 1)


@pytest.mark.parametrize(("epochs_done", "counted"), [(1, 0), (2, 1)])
@pytest.mark.parametrize("how", ["fails", "is stopped"])
def test_a_confirm_run_that_dies_once_its_epochs_are_over_has_read(
    how: str, epochs_done: int, counted: int, digits: Dataset, tmp_path: Path
) -> None:
    """It judges after its last epoch; whether it came to that, nobody can tell."""

    def dying(job: Job) -> Iterator[Message]:
        for epoch in range(1, epochs_done + 1):
            yield EpochDone(job.trial, epoch, 1.0, 50.0, 1.0, 50.0, 0.5)
        if how == "is stopped":
            raise KeyboardInterrupt
        yield Failed(job.trial, "out of memory", False)

    before = test_set_accesses.total(digits.folder)
    with pytest.raises((UnderbudgetError, KeyboardInterrupt)):
        run_all([spec(0, protocol="confirm")], digits, tmp_path, dying)
    assert test_set_accesses.total(digits.folder) == before + counted


def test_a_run_survives_json() -> None:
    run = stub_runs.a_run((99.1, 99.3, 99.2))
    assert from_json(json.loads(json.dumps(to_json(run)))) == run
    assert run.best.epoch == 2
    assert run.score == pytest.approx(99.2)


def test_holding_a_target_means_each_of_the_last_epochs() -> None:
    good = stub_runs.a_run((90.0, 99.4, 99.42, 99.4, 99.5, 99.41))
    bad = dataclasses.replace(stub_runs.a_run((99.5, 99.5, 99.39, 99.5, 99.5, 99.5)), seed=1)
    assert holding([good, bad], 99.4) == "target 99.40: held in each of the last 5 epochs by 1 of 2 seeds"
    assert holding([bad], 99.4, 3) == "target 99.40: held in each of the last 3 epochs by 1 of 1 seed"
    assert holding([stub_runs.a_run((99.5,))], 99.4) == "target 99.40: held in the only epoch by 1 of 1 seed"


# -- statistics over seeds


def test_summary_agrees_with_scipy() -> None:
    values = [99.41, 99.47, 99.39, 99.52]
    found = summary(values)
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.mean, found.sd) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert (summary([99.0]).sd, summary([99.0]).low) == (None, None)
    with pytest.raises(ValueError, match="at least one"):
        summary([])


def test_difference_is_welch_s() -> None:
    new, old = [99.4, 99.5, 99.45], [99.1, 99.4, 99.2, 99.0]
    interval = stats.ttest_ind(new, old, equal_var=False).confidence_interval(0.95)
    found = difference(new, old)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.mean == pytest.approx(99.45 - 99.175)
    assert difference([1.0], [2.0, 3.0]).low is None


def test_seeds_that_agree_give_no_interval() -> None:
    """Two seeds with the same number of right images are no proof of a spread of 0."""
    for values in ([99.0, 99.0], [0.1 + 0.2, 0.3]):
        found = summary(values)
        assert (found.sd, found.low, found.high) == (0.0, None, None)
        assert in_words(found).endswith("n = 2: all seeds agree, no interval)")
    assert difference([1.0, 1.0], [3.0, 3.0]) == Difference(-2.0, None, None)
    # one side's spread is enough: 1.1 - 3 - 12.7062 * 0.1, Student's t of one degree of freedom
    assert difference([1.0, 1.2], [3.0, 3.0]).low == pytest.approx(-3.17062, abs=1e-4)


def test_rank_correlation_by_hand() -> None:
    # ranks 1 2 3 4 against 2 1 3 4: 1 - 6 (1 + 1) / (4 * 15)
    assert rank_correlation([1, 2, 3, 4], [20, 10, 30, 40]) == pytest.approx(0.8)
    assert rank_correlation([1, 2], [1, 2]) is None
    assert rank_correlation([1, 1, 1], [1, 2, 3]) is None
    # 0.1 + 0.2 and 0.3 tie: ranks 1.5 1.5 3 against 1 2 3, Pearson's r of these is 1.5 / sqrt(1.5 * 2)
    assert rank_correlation([0.1 + 0.2, 0.3, 1.0], [1, 2, 3]) == pytest.approx(1.5 / math.sqrt(3))
    assert rank_correlation([0.1 + 0.2, 0.3, 0.3], [1, 2, 3]) is None


def test_distance_in_standard_errors_by_hand() -> None:
    # mean 99.4, sd 0.1, n 3: (99.6 - 99.4) / (0.1 sqrt(4/3))
    assert standard_errors(99.6, [99.3, 99.4, 99.5], 10_000) == pytest.approx(0.2 / (0.1 * math.sqrt(4 / 3)))
    # one seed: binomial error of both, 100 sqrt(2 * 0.99 * 0.01 / 10000)
    assert standard_errors(99.2, [99.0], 10_000) == pytest.approx(0.2 / (100 * math.sqrt(2 * 0.99 * 0.01 / 10_000)))
    assert standard_errors(100.0, [100.0, 100.0], 10_000) is None


# -- tables of a network


@pytest.mark.parametrize("name", ["saish-m4", "tharun-m6", "nagalakshmi-m3", "gmshashank-it1"])
def test_layer_summary_is_what_torch_makes(name: str) -> None:
    network = plan(reference(name).architecture, (1, 28, 28))
    found: list[tuple[str, tuple[int, ...], int]] = []
    model = build(network).eval()
    for index, module in enumerate(model, 1):

        def hook(module: torch.nn.Module, _: object, output: torch.Tensor, index: int = index) -> None:
            own = sum(parameter.numel() for parameter in module.parameters())
            found.append((f"{type(module).__name__}-{index}", tuple(output.shape[1:]), own))

        module.register_forward_hook(hook)
    with torch.no_grad():
        model(torch.zeros(1, 1, 28, 28))
    assert [tuple(row.values()) for row in summary_rows(network)] == found
    below = totals(network)
    assert below.params == reference(name).published_params
    assert below.params_mb == pytest.approx(below.params * 4 / 2**20)
    assert below.passes_mb == pytest.approx(sum(2 * 4 * math.prod(shape) for _, shape, _ in found) / 2**20)


def test_receptive_field_table_of_tharun_m6_as_published() -> None:
    """kernel, stride, padding, field in and out, map in and out, jump in and out."""
    by_hand = [
        ("conv1", "3 1 0 1 3 28 26 1 1"),
        ("conv2", "3 1 0 3 5 26 24 1 1"),
        ("conv3", "1 1 0 5 5 24 24 1 1"),
        ("pool1", "2 2 0 5 6 24 12 1 2"),
        ("conv4", "3 1 0 6 10 12 10 2 2"),
        ("conv5", "3 1 0 10 14 10 8 2 2"),
        ("conv6", "3 1 0 14 18 8 6 2 2"),
        ("conv7", "3 1 0 18 22 6 4 2 2"),
        ("gap1", "4 1 0 22 28 4 1 2 2"),
        ("conv8", "1 1 0 28 28 1 1 2 2"),
    ]
    rows = field_rows(plan(reference("tharun-m6").architecture, (1, 28, 28)))
    assert [(row["layer"], " ".join(list(row.values())[1:])) for row in rows] == by_hand
