"""What the parts of a study's report say, against values worked out by hand or by a stranger."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from studies import Spec, settings, study_record, trial_record

from underbudget.models.build import build
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.reports import importance
from underbudget.reports.history import fronts_after, history
from underbudget.reports.importance import importances
from underbudget.reports.misclassified import (
    FILE,
    MOST,
    MisclassifiedImage,
    MisclassifiedImages,
    read_misclassified,
    write_misclassified,
)
from underbudget.reports.page.misclassified import confusion_rows
from underbudget.reports.page.progress_figures import progress_figures
from underbudget.reports.page.spending import savings, spending_figure
from underbudget.reports.page.study import render_page
from underbudget.reports.page.trials import trial_details
from underbudget.reports.record import StudyRecord

START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
LAYERS = "conv3x3(8) relu bn | maxpool2 | conv1x1(4) | gap | linear(10)"


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def timed(specs: list[Spec], minutes: list[float], sessions: tuple[dict[str, object], ...] = ()) -> StudyRecord:
    """A study whose trials ended at these minutes."""
    trials = tuple(
        replace(trial_record(number, spec), started=at(minute - 1), completed=at(minute))
        for number, (spec, minute) in enumerate(zip(specs, minutes, strict=True))
    )
    reference = {"params": 10_000, "error": 100.0}
    return StudyRecord("demo", settings(hypervolume_reference=reference), trials, sessions)


def test_the_hypervolume_grows_with_each_better_trial_by_hand() -> None:
    specs = [
        Spec(params=1000, accuracies=(90.0,)),
        Spec("stopped", 900, (50.0,), "early"),
        Spec(params=2000, accuracies=(80.0,)),  # beaten by the first
        Spec(params=100, accuracies=(0.0,)),  # an error of 100 % adds nothing
        Spec(params=10, accuracies=(90.0,)),
    ]
    steps = history(timed(specs, [1, 2, 3, 4, 5]))
    # (log10 10,000 - log10 1,000) x (log10 100 - log10 10) = 1; then (4 - 1) x 1.
    assert [step.hypervolume for step in steps] == pytest.approx([1, 1, 1, 1, 3])
    assert [step.trained for step in steps] == [1, 2, 3, 4, 5]
    assert [step.epochs for step in steps] == [1, 2, 3, 4, 5]
    assert [step.best for step in steps] == [90, 90, 90, 90, 90]


def test_trials_count_in_the_order_in_which_they_ended() -> None:
    specs = [Spec(params=1000, accuracies=(90.0,)), Spec(params=1000, accuracies=(80.0,)), Spec("rejected", 9000, ())]
    steps = history(timed(specs, [9, 3, 1]))
    assert [step.trial for step in steps] == [1, 0]
    assert [step.best for step in steps] == [80, 90]
    (half, first), (all_of_it, last) = fronts_after(timed(specs, [9, 3, 1]), (0.5, 1.0))
    assert (half, [trial.trial for trial in first]) == (1, [1])
    assert (all_of_it, [trial.trial for trial in last]) == (2, [0])


def test_time_counts_while_a_session_ran() -> None:
    specs = [Spec(params=1000, accuracies=(90.0,)) for _ in range(3)]
    # The first session was killed: its last trial ended at minute 20; the second began at minute 100.
    sessions = ({"started": at(0).isoformat()}, {"started": at(100).isoformat()})
    steps = history(timed(specs, [5, 20, 110], sessions))
    assert [step.seconds for step in steps] == [300, 1200, 1800]


def test_a_study_without_times_has_no_time_axis() -> None:
    study = study_record([Spec(), Spec(params=5000, accuracies=(90.0,))])
    assert [step.seconds for step in history(study)] == [None, None]
    assert set(progress_figures(study)) == {"front_growth", "volume_trials"}
    assert set(progress_figures(timed([Spec()], [1]))) == {"front_growth", "volume_trials", "volume_time"}
    assert progress_figures(study_record([Spec("rejected", 9000, ())])) == {}


def test_the_parameter_that_decides_alone_is_the_important_one() -> None:
    random = np.random.default_rng(0)
    trials = []
    for number in range(120):
        depth, word = int(random.integers(1, 6)), str(random.choice(["a", "b"]))
        accuracy = 100 - 10 ** (1 - depth / 5)  # by depth alone; the size by the word alone
        record = trial_record(number, Spec(params=1000 if word == "a" else 4000, accuracies=(accuracy,)))
        trials.append(replace(record, params={"word": word, "depth": depth, "noise": float(random.random())}))
    found = {one.parameter: one for one in importances(StudyRecord("demo", settings(), tuple(trials)))}
    assert set(found) == {"word", "depth", "noise"}
    assert next(iter(found)) == "depth"
    assert found["depth"].error > 0.9
    assert found["word"].cost > 0.9
    assert found["noise"].error < 0.05
    assert math.fsum(one.error for one in found.values()) == pytest.approx(1)


def test_importance_needs_trials_that_can_be_compared() -> None:
    def study(count: int, **params: object) -> StudyRecord:
        trials = [
            replace(trial_record(n, Spec(params=1000 + n, accuracies=(90.0 + n / 10,))), params={"width": n, **params})
            for n in range(count)
        ]
        return StudyRecord("demo", settings(), tuple(trials))

    assert importances(study(importance.LEAST_TRIALS - 1)) == []
    enough = study(importance.LEAST_TRIALS)
    assert [one.parameter for one in importances(enough)] == ["width"]
    assert [one.parameter for one in importances(study(20, order="relu_bn"))] == ["width"]  # the order never differs
    some = replace(enough, trials=(replace(enough.trials[0], params={"width": 3, "extra": 1}), *enough.trials[1:]))
    assert [one.parameter for one in importances(some)] == ["width"]  # "extra" only one trial has
    assert importances(study_record([Spec() for _ in range(20)])) == []


def test_details_tell_a_networks_layers_as_torch_counts_them() -> None:
    study = study_record([Spec(layers=LAYERS, accuracies=(90.0, 91.0)), Spec("rejected", 9000, ())])
    details = trial_details(study, " --runs lab")
    json.dumps(details, allow_nan=False)
    assert list(details["trials"]) == [0]
    found = details["trials"][0]
    module = build(plan(parse(LAYERS), (1, 28, 28), 10))
    assert sum(row[5] for row in found["layers"]) == sum(parameter.numel() for parameter in module.parameters())
    assert [details["texts"][row[0]] for row in found["layers"]] == [
        stage.split(" ")[0] for stage in LAYERS.split(" | ")
    ]
    assert [row[2:5] for row in found["layers"]] == [[8, 26, 26], [8, 13, 13], [4, 13, 13], [4, 1, 1], [10, 1, 1]]
    assert found["layers"][0][6] == 8 * 9 * 26 * 26  # MACs of the first convolution
    assert [row[1] for row in found["curve"]] == [90.0, 91.0]
    assert details["commands"]["show"] == "underbudget show demo:{trial} --runs lab"


@pytest.mark.parametrize("name", ["two words", "it's", "$(rm -rf x)", "a:b"])
def test_commands_survive_a_shell(name: str) -> None:
    import shlex

    for command in trial_details(study_record(name=name))["commands"].values():
        assert shlex.split(command.replace("{trial}", "7"))[2] == f"{name}:7"


def test_a_layer_text_that_cannot_be_read_leaves_the_rest() -> None:
    found = trial_details(study_record([Spec(layers="conv9000x1(1)"), Spec(layers="nonsense")]))
    assert [found["trials"][number]["layers"] for number in (0, 1)] == [[], []]
    assert found["trials"][0]["curve"]


def test_savings_by_hand() -> None:
    study = study_record(
        [
            Spec(accuracies=(90.0,) * 15),
            Spec("stopped", 5000, (50.0,) * 5, "early"),
            Spec("rejected", 9000, ()),
            Spec("failed", 5000, (50.0,) * 5, "killed"),
        ]
    )
    found = savings(study)
    assert found is not None
    assert (found["trained"], found["stopped_epochs"], found["rejected_epochs"]) == ("25", "10", "15")
    assert (found["stopped_time"], found["rejected_time"]) == ("20.0 s", "30.0 s")  # epochs of 2 s
    assert found["share"] == "50 %"
    assert savings(study_record([Spec("rejected", 9000, ())])) is None


def test_the_budget_goes_where_torch_puts_its_parameters() -> None:
    from underbudget.budget import table

    network = plan(parse(LAYERS), (1, 28, 28), 10)
    params, macs = spending_figure(table.rows(network))["data"]
    assert params["y"] == ["1  conv3x3(8)", "3  conv1x1(4)", "5  linear(10)"]  # pools cost nothing
    counts = [
        sum(p.numel() for p in module.parameters())
        for module in build(network).modules()
        if not list(module.children())
    ]
    conv, norm, last, linear = (count for count in counts if count)
    whole = conv + norm + last + linear
    assert params["x"] == pytest.approx(
        [100 * (conv + norm) / whole, 100 * last / whole, 100 * linear / whole], abs=0.01
    )
    assert math.fsum(macs["x"]) == pytest.approx(100, abs=0.05)


def test_mistakes_read_back(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5), dtype=np.uint8)
    images = tuple(MisclassifiedImage(i, 1, 7, 99.5, pixels[i]) for i in range(2))
    write_misclassified(tmp_path, MisclassifiedImages(3, "1" * 64, 70, images))
    found = read_misclassified(tmp_path)
    assert found is not None
    assert (found.trial, found.weights_sha256, found.total) == (3, "1" * 64, 70)
    assert [(one.index, one.true, one.predicted, one.confidence) for one in found.images] == [
        (0, 1, 7, 99.5),
        (1, 1, 7, 99.5),
    ]
    assert np.array_equal(np.stack([one.pixels for one in found.images]), pixels)
    write_misclassified(tmp_path, MisclassifiedImages(3, "1" * 64, 0, ()))
    none = read_misclassified(tmp_path)
    assert none is not None
    assert none.images == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"trial": 1}',
        b'{"trial":1,"weights_sha256":"","total":1,"shape":[9],"pixels":"","missed":[[1,2,3,4]]}',
    ],
)
def test_damaged_mistakes_are_none(tmp_path: Path, content: bytes) -> None:
    assert read_misclassified(tmp_path) is None
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_bytes(content)
    assert read_misclassified(tmp_path) is None


def test_the_page_shows_the_mistakes_of_its_winner_only() -> None:
    study = study_record([Spec(accuracies=(99.0,) * 3)], study_settings=settings("mnist", 10_000))
    result = study.trials[0].result
    assert result is not None
    picture = MisclassifiedImage(5, 3, 8, 77.0, np.zeros((1, 28, 28), np.uint8))
    right = render_page(study, misclassified=MisclassifiedImages(0, result.weights_sha256, 93, (picture,)))
    assert "3, not 8" in right
    assert "93 of 10,000 validation images; the 1 of highest confidence" in " ".join(right.split())
    assert "3, not 8" not in render_page(study, misclassified=MisclassifiedImages(0, "2" * 64, 93, (picture,)))
    assert "Misclassified images" not in render_page(study)


def test_confusion_rows_by_hand() -> None:
    first, second = confusion_rows([[8, 2], [0, 0]], ["cat", "dog"])
    assert (first["name"], first["recall"]) == ("cat", "80.00 %")
    assert [cell["count"] for cell in first["cells"]] == [8, 2]
    assert [cell["right"] for cell in second["cells"]] == [False, True]
    assert second["recall"] == "\N{EN DASH}"


def test_the_search_keeps_what_its_winner_gets_wrong(tmp_path: Path, quadrants: "object") -> None:
    from underbudget.models import weights
    from underbudget.search.data.store import Dataset
    from underbudget.search.results.misclassified import keep_misclassified
    from underbudget.search.study.location import StudyLocation

    assert isinstance(quadrants, Dataset)
    torch.manual_seed(0)
    text = "conv3x3(4) relu | gap | linear(4)"
    module = build(plan(parse(text), (1, 8, 8), 4)).eval()
    data = weights.encode(module.state_dict())
    record = trial_record(0, Spec(layers=text))
    assert record.result is not None
    (tmp_path / "models").mkdir()
    (tmp_path / record.result.weights_file).write_bytes(data)
    named = {"name": "quadrants", "input_shape": [1, 8, 8], "classes": list("abcd"), "counts": {"validation": 41}}
    result = replace(record.result, weights_sha256=weights.sha256(data))
    study = StudyRecord("demo", {**settings(), "dataset": named}, (replace(record, result=result),))
    where = StudyLocation("demo", tmp_path, None)
    assert keep_misclassified(where, study, quadrants)
    found = read_misclassified(tmp_path)
    assert found is not None
    part = quadrants.part("validation")
    pixels = torch.from_numpy(np.array(part.images)).float() / 255
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (quadrants.info.mean, quadrants.info.std))
    predicted = module((pixels - mean) / std).argmax(1).numpy()
    wrong = set(np.flatnonzero(predicted != part.labels).tolist())
    assert found.total == len(wrong) > 0
    assert {one.index for one in found.images} <= wrong
    assert len(found.images) == min(len(wrong), MOST)
    for one in found.images:
        assert np.array_equal(one.pixels, part.images[one.index])
        assert (one.true, one.predicted) == (part.labels[one.index], predicted[one.index])
    assert not keep_misclassified(where, study, quadrants)  # they are there
    (tmp_path / FILE).unlink()
    (tmp_path / record.result.weights_file).write_bytes(data[:-1])
    assert not keep_misclassified(where, study, quadrants)  # nobody's weights
