"""A search on skewed classes: what is noted, what is trained, what the study and its report say."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import balanced_accuracy_score

from underbudget import launch
from underbudget.models.errors import UserError
from underbudget.reports.page.study import render_page
from underbudget.reports.statistics import accuracy_interval
from underbudget.reports.tables import interval
from underbudget.search.commands.main import run
from underbudget.search.data import sources
from underbudget.search.study import finding

SIZES = (170, 100, 60, 20)  # images of the digits 0 to 3


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("skewed")
    digits = load_digits()
    chosen = np.concatenate([np.flatnonzero(digits.target == label)[:size] for label, size in enumerate(SIZES)])
    np.savez(folder / "skewed.npz", x=(digits.images[chosen] * 15).astype(np.uint8), y=digits.target[chosen])
    launch(
        "skewed",
        dataset=str(folder / "skewed.npz"),
        runs=folder / "runs",
        data_dir=folder / "data",
        metric="balanced_accuracy",
        trials=2,
        epochs=3,
        engine="in-process",
    )
    return folder


def test_the_skew_is_noted_with_the_worth_of_a_guess(tmp_path: Path, place: Path) -> None:
    lines: list[str] = []
    sources.prepare(sources.define(str(place / "skewed.npz"), {}), tmp_path, lines.append)
    said = next(line for line in lines if "skewed, from" in line)
    assert "from 14 ('3') to 119 ('0') training examples: always guessing '0' has an accuracy of 49 %" in said


def test_curve_score_and_interval_are_of_the_metric(place: Path) -> None:
    study = finding.read(finding.find("skewed", place / "runs", None))
    assert study.stored.metric == "balanced_accuracy"
    assert study.stored.recipe["class_weights"] == "balanced"
    complete = [trial for trial in study.trials if trial.state == "complete"]
    assert complete
    for trial in complete:
        assert trial.result is not None
        confusion = np.array(trial.result.confusion)
        true, guess = np.indices(confusion.shape).reshape(2, -1).repeat(confusion.ravel(), axis=1)
        assert trial.curve[-1].val_accuracy == pytest.approx(100 * balanced_accuracy_score(true, guess))
    sizes = confusion.sum(1)
    assert sizes.tolist() == [25, 15, 9, 4]
    n = 16 / (1 / 25 + 1 / 15 + 1 / 9 + 1 / 4)  # far fewer than 53 images: the smallest class decides
    assert interval(study, 80.0) == accuracy_interval(80.0, n)


def test_the_page_says_what_accuracy_means(place: Path) -> None:
    study = finding.read(finding.find("skewed", place / "runs", None))
    page = render_page(study)
    assert "accuracy means balanced accuracy" in page
    assert "validation balanced accuracy of the winner" in page
    for name in ("images", "recall", "precision", "F1"):
        assert f'<th scope="col">{name}</th>' in page


def test_a_resume_with_another_metric_is_refused(place: Path) -> None:
    with pytest.raises(UserError, match="metric: the study has balanced_accuracy, you asked for accuracy"):
        launch("skewed", runs=place / "runs", data_dir=place / "data", metric="accuracy", trials=3)


def test_the_export_is_compared_in_the_same_metric(place: Path, tmp_path: Path) -> None:
    arguments = ["--runs", str(place / "runs"), "--data-dir", str(place / "data"), "--output", str(tmp_path / "w.py")]
    assert run(["export", "skewed", *arguments]) == 0
