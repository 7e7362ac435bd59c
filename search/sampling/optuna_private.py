"""What the search needs of Optuna that is not public. Everything else goes through its public functions."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial


def live_trial(study: "Study", stored: "FrozenTrial") -> "Trial":
    """A stored, running trial as one that can be written to and told.

    Publicly a `Trial` comes from `ask` alone, which would make another trial; it is made here from the id in the
    storage, which only the private `_trial_id` gives.
    """
    from optuna.trial import Trial

    return Trial(study, stored._trial_id)
