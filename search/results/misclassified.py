"""Keeps pictures of what a study's winner gets wrong on validation, for its report."""

import logging

from underbudget.models import weights
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.reports import front as fronts
from underbudget.reports.misclassified import MOST, Mistake, Mistakes, read_mistakes, write_mistakes
from underbudget.reports.record import StudyRecord
from underbudget.search.data.store import Dataset
from underbudget.search.study.location import Place
from underbudget.search.training.image_evaluation import judge

log = logging.getLogger(__name__)


def keep_mistakes(where: Place, study: StudyRecord, dataset: Dataset) -> bool:
    """Judge the winner on validation once more and write its misclassified images, unless they are there already.

    Takes a second or two. False where nothing was written: no winner, its weights are gone, or the same as before.
    """
    winner = fronts.winner(study.trials, study.axis)
    if winner is None or winner.result is None or winner.proposal is None:
        return False
    digest = winner.result.weights_sha256
    known = read_mistakes(where.folder)
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
    judged = judge(network, [(winner.result.epochs, weights.decode(data))], dataset, "validation", "cpu")
    missed = sorted(judged["missed"], key=lambda each: (-each[3], each[0]))
    images = dataset.part("validation").images
    kept = tuple(
        Mistake(index, true, predicted, confidence, images[index])
        for index, true, predicted, confidence in missed[:MOST]
    )
    write_mistakes(where.folder, Mistakes(winner.trial, digest, len(missed), kept))
    return True
