"""What the search needs of Optuna that is not public. Everything else goes through its public functions."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial


def live_trial(study: "Study", stored: "FrozenTrial") -> "Trial":
    """A stored, running trial as one that can be written to and told. Publicly `ask` alone gives one, of a new trial;
    the id that this takes only `_trial_id` gives."""
    from optuna.trial import Trial

    return Trial(study, stored._trial_id)
