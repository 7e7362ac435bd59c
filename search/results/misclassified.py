"""Keeps the validation images that a study's winner misclassifies, for its report."""

import logging

from underbudget.models.errors import UserError
from underbudget.reports import front as fronts
from underbudget.reports import misclassified as stored
from underbudget.reports.network import plan_of
from underbudget.reports.record import StudyRecord
from underbudget.search.data.store import Dataset
from underbudget.search.results.trained_trials import load_state
from underbudget.search.study.location import StudyLocation

log = logging.getLogger(__name__)


def keep_misclassified(where: StudyLocation, study: StudyRecord, dataset: Dataset) -> bool:
    """Evaluate the winner on validation once more and write its misclassified images, unless they are there already.

    Takes a second or two. False if nothing was written: no winner, its weights are gone, or the same as before.
    """
    from underbudget.search.training.evaluate import evaluate_states

    winner = fronts.winner(study.trials, study.axis)
    if winner is None or winner.result is None or winner.proposal is None:
        return False
    digest = winner.result.weights_sha256
    known = stored.read_misclassified(where.folder)
    if known is not None and known.weights_sha256 == digest:
        return False
    try:
        state = load_state(where, winner)
    except UserError as error:
        log.warning("no pictures of what trial %d misclassifies: %s", winner.trial, error)
        return False
    evaluated = evaluate_states(plan_of(study, winner), [(winner.result.epochs, state)], dataset, "validation", "cpu")
    missed = sorted(evaluated["missed"], key=lambda each: (-each[3], each[0]))
    images = dataset.part("validation").images
    kept = tuple(
        stored.MisclassifiedImage(index, true, predicted, confidence, images[index])
        for index, true, predicted, confidence in missed[: stored.MOST]
    )
    stored.write_misclassified(where.folder, stored.MisclassifiedImages(winner.trial, digest, len(missed), kept))
    return True
