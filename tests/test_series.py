"""`underbudget series`: which collections there are, their replay, the published figures beside ours."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import stub_runs

from underbudget.models.errors import UserError
from underbudget.models.plan import plan
from underbudget.models.references import REFERENCES, reference
from underbudget.reports.series import Series, SeriesStep, analysis, changes, markdown, result, rows
from underbudget.search.commands.main import run
from underbudget.search.data.store import Dataset, Part, PartName, write_dataset
from underbudget.search.engines import runner
from underbudget.search.engines.job import EpochDone, Finished, Job
from underbudget.search.experiments.series import collection, collections
from underbudget.search.training import built_in_recipes, recipe_json, run_length


def step(name: str, *accuracies: tuple[float, ...], train: float = 98.0) -> SeriesStep:
    published = reference(name)
    runs = tuple(stub_runs.a_run(values, train, name, seed=seed) for seed, values in enumerate(accuracies))
    return SeriesStep(published, plan(published.architecture, (1, 28, 28)), runs)


def test_the_five_collections() -> None:
    found = {each.name: len(each.steps) for each in collections()}
    assert found == {"mkthoma": 8, "gmshashank": 10, "tharun": 6, "saish": 4, "pankaja": 8}
    assert sum(found.values()) == 36
    assert collection("shettysaish20/MNIST-CNN-Lite-Model").name == "saish"
    with pytest.raises(UserError, match=r"no collection 'thrun': did you mean tharun\?"):
        collection("thrun")


@pytest.mark.parametrize("name", REFERENCES)
def test_every_step_counts_as_published(name: str) -> None:
    assert step(name).params == reference(name).published_params


def test_published_against_ours_by_hand() -> None:
    found = step("saish-m4", (99.2, 99.5, 99.4), (99.3, 99.3, 99.3), (99.1, 99.4, 99.2), train=98.4)
    # best epochs 99.5, 99.3, 99.4: mean 99.4, sd 0.1; published 99.53
    assert found.best.mean == pytest.approx(99.4)
    assert found.standard_errors == pytest.approx(0.13 / (0.1 * math.sqrt(4 / 3)))
    (row,) = rows(Series("saish", "somebody", "published", (found,)))
    assert row["published_less_ours"] == pytest.approx(0.13)
    assert row["last_mean"] == pytest.approx(99.3)
    assert row["train_less_test"] == pytest.approx(98.4 - 99.3)
    assert analysis(found, None) == [
        "Published best epoch 99.53 % less ours 99.40 %: +0.13 points, +1.1 standard errors.",
        # gaps -1.0, -0.9, -0.8: sd 0.1, half 4.3027 x 0.1 / sqrt(3) = 0.25
        "Train less test in the last epoch: -0.90 points (95 % interval -1.15 to -0.65).",
    ]
    assert result(found) == (
        "7,600 parameters (equal); last epoch 99.30 ± 0.10 %, best epoch 99.40 ± 0.10 %, train 98.40 % "
        "(3 seeds, 3 epochs)"
    )


def test_the_change_against_the_step_before_has_an_interval() -> None:
    before = step("mkthoma-m5", (99.0,), (99.1,), (99.2,))
    after = step("mkthoma-m6", (95.7,), (95.8,), (95.9,))
    assert analysis(after, before)[-1] == (
        # Welch: both sd 0.1, so 4 degrees of freedom, 2.7764 x sqrt(0.01 / 3 x 2) = 0.2267
        "Last epoch against mkthoma-m5: -3.30 points (95 % interval -3.53 to -3.07), the interval leaves out 0."
    )
    assert changes(after, before) == [
        "-4,900 parameters", "convolutions 8 to 7", "ends in gap instead of conv7x7(10)"
    ]  # fmt: skip
    assert changes(step("mkthoma-m4"), step("mkthoma-m3")) == ["+108 parameters", "batch norms 0 to 7"]
    assert changes(step("mkthoma-m8"), step("mkthoma-m7")) == ["recipe rot7-plateau instead of plain"]


def test_other_images_are_not_compared_with_the_publication() -> None:
    found = step("saish-m4", (99.2, 99.5))
    other = stub_runs.a_run((99.2, 99.5))
    data = type(other.data)(**{**other.data.__dict__, "name": "fashion-mnist"})
    moved = SeriesStep(found.reference, found.network, (stub_runs.a_run((99.2, 99.5), data=data),))
    assert found.published_best == 99.53
    assert moved.published_best is None
    assert moved.standard_errors is None
    assert not any("Published" in line for line in analysis(moved, None))


def test_a_series_is_replayed(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = stub_runs.failing(lambda job: job.recipe["name"] == "warp20-onecycle20")  # saish-m3
    jobs = stub_runs.instead_of_workers(monkeypatch, bad)
    command = ["series", "saish", "--dataset", "digits", "--data-dir", stub_runs.data_dir(digits), "--seeds", "2",
               "--epochs", "2", "--max-params", "7650", "--output", str(tmp_path)]  # fmt: skip
    assert run([*command, "--steps", "saish-m1,saish-m3,saish-m4", "--json"]) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    assert [one["params"] for one in steps] == [6590, 3944, 7676, 7600]
    assert [one["seeds"] for one in steps] == [2, 0, 0, 2]
    assert steps[1]["untrained"] == "not asked for"
    assert steps[2]["untrained"] == "7,676 parameters are over --max-params 7,650"
    assert [(job.recipe["name"], job.seed, job.protocol) for job in jobs] == [
        ("plain", 0, "published"), ("plain", 1, "published"),
        ("warp10-onecycle", 0, "published"), ("warp10-onecycle", 1, "published"),
    ]  # fmt: skip
    assert steps[3]["standard_errors"] is None  # digits, not MNIST

    jobs.clear()
    command[command.index("7650")] = "8000"
    assert run(command) == 0
    assert [job.recipe["name"] for job in jobs] == ["plain", "plain", "warp20-onecycle20", "warp20-onecycle20"]
    said = capsys.readouterr().out
    assert "not trained: all 2 runs failed: the loss is not finite" in said
    assert "4 of 4 parameter counts equal the published ones" in said
    with (tmp_path / "series.csv").open() as file:
        assert [row["seeds"] for row in csv.DictReader(file)] == ["2", "2", "0", "2"]
    table = (tmp_path / "series.md").read_text().splitlines()
    assert len(table) == 2 + 4
    assert len({line.count("|") for line in table}) == 1
    assert (tmp_path / "index.html").exists()


def test_the_table_for_the_docs() -> None:
    found = Series("saish", "somebody", "published", (step("saish-m3"), step("saish-m4", (99.5,), (99.4,), (99.6,))))
    assert markdown(found).splitlines()[2:] == [
        "| saish-m3 | 7,676 | warp20-onecycle20, 15 | 99.27 | not trained |  |  |  |",
        "| saish-m4 | 7,600 | warp10-onecycle, 1 | 99.53 | 99.50 ± 0.10 | +0.03 (+0.3 SE) | 99.50 ± 0.10 | -1.50 |",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["sais"], "did you mean saish?"),
        (["saish", "--steps", "saish-m9"], "--steps are steps of this series"),
        (["saish", "--max-params", "-1"], "--max-params is a whole number of at least 0"),
        (["saish", "--protocol", "x"], "--protocol is search, confirm or published"),
    ],
)
def test_user_mistakes(given: list[str], said: str, digits: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["series", *given, "--dataset", "digits", "--data-dir", stub_runs.data_dir(digits)]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1


def test_the_largest_networks_train_an_epoch_on_a_few_images(tmp_path: Path, one_thread: None) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (8, 1, 28, 28), dtype=np.uint8)
    part = Part(images, np.arange(8, dtype=np.int64))
    names: tuple[PartName, ...] = ("train", "validation", "test")
    few = write_dataset(tmp_path / "few", "few", "few", list("0123456789"), dict.fromkeys(names, part))
    largest = reference("gmshashank-it1")
    assert largest.published_params == 6_379_786
    recipe = run_length.resolve(built_in_recipes.recipe(largest.recipe), images=8, epochs=1, batch_size=8)
    text = str(largest.architecture)
    data = (str(few.folder), few.info.fingerprint)
    job = Job(0, text, recipe_json.to_json(recipe), 0, *data, "cpu", backend="plain", detailed=True)
    first, last = runner.run(job)
    assert isinstance(first, EpochDone)
    assert math.isfinite(first.train_loss)
    assert isinstance(last, Finished)
