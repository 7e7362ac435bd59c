"""Keeps pictures of what a study's winner gets wrong on validation, for its report."""

import logging

from underbudget.models import weights
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.reports import front as fronts
from underbudget.reports.misclassified import (
    MOST,
    MisclassifiedImage,
    MisclassifiedImages,
    read_misclassified,
    write_misclassified,
)
from underbudget.reports.record import StudyRecord
from underbudget.search.data.store import Dataset
from underbudget.search.study.location import StudyLocation

log = logging.getLogger(__name__)


def keep_misclassified(where: StudyLocation, study: StudyRecord, dataset: Dataset) -> bool:
    """Judge the winner on validation once more and write its misclassified images, unless they are there already.

    Takes a second or two. False where nothing was written: no winner, its weights are gone, or the same as before.
    """
    from underbudget.search.training.evaluate import evaluate_states

    winner = fronts.winner(study.trials, study.axis)
    if winner is None or winner.result is None or winner.proposal is None:
        return False
    digest = winner.result.weights_sha256
    known = read_misclassified(where.folder)
    if known is not None and known.weights_sha256 == digest:
        return False
    path = where.folder / winner.result.weights_file
    if not path.is_file():
        return False
    data = path.read_bytes()
    if weights.sha256(data) != digest:
        log.warning("%s was changed: no pictures of what trial %d gets wrong", path, winner.trial)
        return False
    network = plan(parse(winner.proposal.layers_text), dataset.info.input_shape, len(dataset.info.classes))
    evaluated = evaluate_states(network, [(winner.result.epochs, weights.decode(data))], dataset, "validation", "cpu")
    missed = sorted(evaluated["missed"], key=lambda each: (-each[3], each[0]))
    images = dataset.part("validation").images
    kept = tuple(
        MisclassifiedImage(index, true, predicted, confidence, images[index])
        for index, true, predicted, confidence in missed[:MOST]
    )
    write_misclassified(where.folder, MisclassifiedImages(winner.trial, digest, len(missed), kept))
    return True
