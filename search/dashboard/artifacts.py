"""Files that trials of the front bring to Optuna Dashboard: the network as Python code and the confusion matrix."""

import math
import time
import uuid
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from underbudget.models.errors import UnderbudgetError
from underbudget.models.files import write_atomically
from underbudget.reports.page.numbers import percent
from underbudget.reports.record import StudyRecord, TrialRecord
from underbudget.search.study.location import StudyLocation

if TYPE_CHECKING:
    from underbudget.reports.dashboard.storing import File

FOLDER = "artifacts"  # below the study's folder: Optuna's artifact store, a file per identity
_SPACE = uuid.UUID("4f2a4be4-6f0e-5a86-9d0e-6b8a4c1f3d57")  # of the identities
_NAME = 20  # characters of a class that a picture has room for
_CLASSES = 60  # with more of them a matrix cannot be read


def front_artifacts(
    where: StudyLocation, study: StudyRecord, trials: Sequence[TrialRecord], seconds: float = math.inf
) -> tuple[dict[int, list["File"]], str]:
    """The files of complete trials, by trial number. Those not there yet are made, the models first, each kind in the
    order of `trials`; none is begun after so many `seconds`.

    The second value is "" or what was left out and why, one line.
    """
    from underbudget.reports.dashboard.storing import File
    from underbudget.version import __version__

    deadline = time.monotonic() + seconds
    found: dict[int, list[File]] = {trial.trial: [] for trial in trials}
    failures: list[str] = []
    kinds = (("trial-{}.py", "text/x-python", _model), ("trial-{}-confusion.png", "image/png", _confusion))
    for filename, mimetype, make in kinds:
        for trial in trials:
            if trial.result is None or (make is _confusion and len(trial.result.confusion) > _CLASSES):
                continue
            name = filename.format(trial.trial)
            # What determines the content: the same file has the same name again, another one never has.
            source = f"{study.name}/{name}/{trial.result.weights_sha256}/{__version__}"
            file = File(str(uuid.uuid5(_SPACE, source)), name, mimetype)
            path = where.folder / FOLDER / file.identity
            try:
                if not path.is_file():
                    if time.monotonic() >= deadline:
                        continue
                    write_atomically(path, make(where, study, trial))
                found[trial.trial].append(file)
            except (UnderbudgetError, OSError, ValueError) as error:
                failures.append(" ".join(str(error).split())[:200])
    more = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
    return found, f"note: a file for the dashboard was left out{more}: {failures[0]}" if failures else ""


def remove(where: StudyLocation, identity: str) -> None:
    """Delete a file that no trial has any more."""
    (where.folder / FOLDER / identity).unlink(missing_ok=True)


def _model(where: StudyLocation, study: StudyRecord, trial: TrialRecord) -> bytes:
    """The trial's network, with the weights of the search, as one Python file; it is not run here."""
    from underbudget.models.export.python import source
    from underbudget.search.results import exporting

    return source(exporting.from_study(where, study, trial)).encode("ascii")


def _confusion(where: StudyLocation, study: StudyRecord, trial: TrialRecord) -> bytes:
    from underbudget.reports import training_figures

    assert trial.result is not None, "the caller asked"
    names = [str(name) for name in study.settings["dataset"]["classes"]]
    short = [name if len(name) <= _NAME else name[: _NAME - 1] + "…" for name in names]
    title = f"trial {trial.trial}: {percent(trial.curve[-1].val_accuracy)} of the validation images in the last epoch"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a character that the font does not have is drawn as a box
        return training_figures.confusion(trial.result.confusion, short, title)
