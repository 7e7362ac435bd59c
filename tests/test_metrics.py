"""Metrics of skewed classes and weights of the loss, against scikit-learn and torch."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import metrics as theirs
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from underbudget.models.metrics import METRICS, class_scores, effective_images
from underbudget.search.training.built_in_recipes import RECIPES
from underbudget.search.training.loop import class_weights

SOURCE = np.random.default_rng(0)


def drawn(classes: int, images: int, absent: int | None = None) -> tuple[np.ndarray, np.ndarray, list[list[int]]]:
    """True and predicted labels of skewed classes, and their confusion counts."""
    shares = SOURCE.dirichlet(np.full(classes, 0.5))
    if absent is not None:
        shares[absent] = 0
    true = SOURCE.choice(classes, images, p=shares / shares.sum())
    guess = np.where(SOURCE.random(images) < 0.7, true, SOURCE.integers(0, classes, images))
    return true, guess, theirs.confusion_matrix(true, guess, labels=range(classes)).tolist()


@pytest.mark.parametrize("absent", [None, 1])
def test_metrics_are_scikit_learns(absent: int | None) -> None:
    for classes, images in ((2, 30), (5, 200), (10, 2_000)):
        true, guess, confusion = drawn(classes, images, absent)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn's, of a class without images
            expected = {
                "accuracy": theirs.accuracy_score(true, guess),
                "balanced_accuracy": theirs.balanced_accuracy_score(true, guess),
                "f1_macro": theirs.f1_score(true, guess, average="macro", zero_division=0),
            }
            each = theirs.precision_recall_fscore_support(true, guess, labels=range(classes), zero_division=0)
        assert {name: metric(confusion) for name, metric in METRICS.items()} == pytest.approx(
            {name: 100 * value for name, value in expected.items()}
        )
        ours = class_scores(confusion)
        assert [one.precision for one in ours] == pytest.approx((100 * each[0]).tolist())
        assert [one.recall for one in ours] == pytest.approx((100 * each[1]).tolist())
        assert [one.f1 for one in ours] == pytest.approx((100 * each[2]).tolist())
        assert [one.images for one in ours] == each[3].tolist()


def test_guessing_the_largest_class_is_worth_nothing_under_a_balanced_metric() -> None:
    confusion = [[900, 0, 0], [60, 0, 0], [40, 0, 0]]
    assert METRICS["accuracy"](confusion) == pytest.approx(90)
    assert METRICS["balanced_accuracy"](confusion) == pytest.approx(100 / 3)
    assert METRICS["f1_macro"](confusion) == pytest.approx(100 * 2 * 900 / (900 + 1000) / 3)


def test_the_n_of_an_interval_is_that_of_the_spread_over_many_samples() -> None:
    """Equal recalls of 0.8, classes of 20, 50 and 500 images: the spread of their mean, sampled."""
    sizes = (20, 50, 500)
    samples = np.mean([SOURCE.binomial(size, 0.8, 20_000) / size for size in sizes], axis=0)
    n = effective_images([[size, 0, 0] for size in sizes], "balanced_accuracy")
    assert n == pytest.approx(9 / (1 / 20 + 1 / 50 + 1 / 500))
    assert samples.std() == pytest.approx(math.sqrt(0.8 * 0.2 / n), rel=0.02)
    assert effective_images([[30, 0], [0, 30]], "balanced_accuracy") == 60
    assert effective_images([[30, 5], [1, 30]], "accuracy") == 66


def test_balanced_weights_are_scikit_learns() -> None:
    labels = torch.tensor([0] * 50 + [2] * 9 + [3] * 3)
    recipe = replace(RECIPES["plain"], class_weights="balanced")
    ours = class_weights(recipe, labels, 5)
    assert ours is not None
    expected = compute_class_weight("balanced", classes=np.array([0, 2, 3]), y=labels.numpy())
    assert ours[[0, 2, 3]].tolist() == pytest.approx(expected.tolist(), rel=1e-6)
    assert ours[[1, 4]].tolist() == [0, 0]
    assert class_weights(RECIPES["plain"], labels, 5) is None
    # the mean weight of an image is 1, so that learning rates keep their meaning
    assert ours[labels].mean().item() == pytest.approx(1)
    assert functional.cross_entropy(torch.zeros(62, 5), labels, ours).item() == pytest.approx(math.log(5), rel=1e-6)
