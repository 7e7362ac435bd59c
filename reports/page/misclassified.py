"""What a network gets wrong: its confusion matrix and its misclassified images."""

from collections.abc import Sequence
from typing import Any

from underbudget.models.metrics import class_scores
from underbudget.reports.misclassified import MisclassifiedImages
from underbudget.reports.page.numbers import percent
from underbudget.reports.pictures import Picture
from underbudget.reports.record import StudyRecord, TrialRecord


def confusion_rows(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> list[dict[str, Any]]:
    """A row per true class: `name`, `cells` with `count`, `right` and `shade` (0 to 1, by the largest wrong count),
    `images`, `recall`, `precision`, `f1`. counts: [true][predicted], images."""
    wrong = [count for true, row in enumerate(counts) for guess, count in enumerate(row) if guess != true]
    most = max([1, *wrong])
    return [
        {
            "name": classes[true],
            "cells": [
                {"count": count, "right": guess == true, "shade": 0.12 + 0.5 * count / most}
                for guess, count in enumerate(row)
            ],
            "images": one.images,
            "recall": percent(one.recall if one.images else None),
            "precision": percent(one.precision if one.predicted else None),
            "f1": percent(one.f1 if one.images else None),
        }
        for true, (row, one) in enumerate(zip(counts, class_scores(counts), strict=True))
    ]


def winner_section(study: StudyRecord, winner: TrialRecord, found: MisclassifiedImages | None) -> dict[str, Any]:
    """The winner's confusion matrix and misclassified images, as far as they are known. Empty without a matrix."""
    if winner.result is None or not winner.result.confusion:
        return {}
    counts, classes = winner.result.confusion, study.stored.dataset.classes
    if len(classes) != len(counts):
        classes = tuple(str(index) for index in range(len(counts)))
    pictures = []
    if found is not None and found.weights_sha256 == winner.result.weights_sha256:
        pictures = [
            Picture(each.pixels, f"{classes[each.true]}, not {classes[each.predicted]}", f"{each.confidence:.0f} %")
            for each in found.images
        ]
    total = 0 if found is None else found.total
    return {"confusion": confusion_rows(counts, classes), "classes": classes, "pictures": pictures, "total": total}
