"""How well a network classifies, worked out from its confusion counts. Values are percent.

The definitions are scikit-learn's: `accuracy_score`, `balanced_accuracy_score` and `f1_score(average="macro")`, where a
share of nothing is 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Confusion = Sequence[Sequence[int]]  # counts [true][predicted]


@dataclass(frozen=True)
class ClassScore:
    """What became of the examples of one class."""

    images: int  # of this class
    predicted: int  # images that were taken for it
    right: int

    @property
    def recall(self) -> float:
        """Share of its images that were recognised, percent; 0 without any."""
        return 100 * self.right / self.images if self.images else 0.0

    @property
    def precision(self) -> float:
        """Share of the images taken for it that are, percent; 0 without any."""
        return 100 * self.right / self.predicted if self.predicted else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of recall and precision, percent; 0 where both are."""
        return 200 * self.right / (self.images + self.predicted) if self.images + self.predicted else 0.0


def class_scores(confusion: Confusion) -> list[ClassScore]:
    """Of each class, by label."""
    return [
        ClassScore(sum(row), sum(other[label] for other in confusion), row[label])
        for label, row in enumerate(confusion)
    ]


def accuracy(confusion: Confusion) -> float:
    """Share of all images that were classified right."""
    return 100 * sum(row[label] for label, row in enumerate(confusion)) / sum(map(sum, confusion))


def balanced_accuracy(confusion: Confusion) -> float:
    """Mean recall of the classes that have images: guessing the largest class is worth no more than any other guess."""
    return _mean([one.recall for one in class_scores(confusion) if one.images])


def f1_macro(confusion: Confusion) -> float:
    """Mean F1 of the classes that have images or were predicted."""
    return _mean([one.f1 for one in class_scores(confusion) if one.images or one.predicted])


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


METRICS: dict[str, Callable[[Confusion], float]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "f1_macro": f1_macro,
}
METRIC_WORDS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "f1_macro": "macro F1"}


def effective_images(confusion: Confusion, metric: str) -> float:
    """How many images of equal weight would measure a metric as surely as these do: the n of its interval.

    Of K classes with n_c images each, the mean of the recalls has the variance p (1 - p) sum(1 / n_c) / K^2, where p
    is about the same for all; so n is K^2 / sum(1 / n_c), at most the number of images. Of F1 it is an approximation.
    """
    sizes = [sum(row) for row in confusion if any(row)]
    if metric == "accuracy":
        return sum(sizes)
    return len(sizes) ** 2 / sum(1 / size for size in sizes)
