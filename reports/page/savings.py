"""What stopping early and rejecting before training have saved, in epochs and seconds of training."""

import math
from dataclasses import dataclass

from underbudget.reports.page.numbers import duration, whole
from underbudget.reports.record import StudyRecord
from underbudget.reports.tables import counts, epochs_saved


@dataclass(frozen=True)
class Savings:
    """As text; times are of one worker, from the mean time of an epoch in this study."""

    trained: str  # epochs that were trained
    stopped: str  # trials
    stopped_epochs: str
    stopped_time: str
    rejected: str  # trials
    rejected_epochs: str
    rejected_time: str
    share: str  # of the epochs that all proposals would have taken, saved


def savings(study: StudyRecord) -> Savings | None:
    """None where nothing was trained, or the settings hold no number of epochs."""
    epochs = study.settings.get("epochs")
    seconds = [
        epoch.seconds for trial in study.trials for epoch in trial.curve if math.isfinite(epoch.seconds)
    ]  # of failed and running trials too
    if not isinstance(epochs, int) or not seconds:
        return None
    found = counts(study)
    mean = math.fsum(seconds) / len(seconds)
    trained = sum(len(trial.curve) for trial in study.trials)
    stopped, rejected = epochs_saved(study), found["rejected"] * epochs
    return Savings(
        trained=whole(trained),
        stopped=whole(found["stopped"]),
        stopped_epochs=whole(stopped),
        stopped_time=duration(stopped * mean),
        rejected=whole(found["rejected"]),
        rejected_epochs=whole(rejected),
        rejected_time=duration(rejected * mean),
        share=f"{100 * (stopped + rejected) / (trained + stopped + rejected):.0f} %",
    )
