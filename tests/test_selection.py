"""Which network of a study leaves it."""

from typing import Any

import pytest
from studies import Spec, flat, settings, study_record

from underbudget.models.errors import UserError
from underbudget.reports.record import StudyRecord
from underbudget.search.results import selection


def study(*specs: Spec, sessions: tuple[dict[str, Any], ...] = (), **changes: Any) -> StudyRecord:
    return study_record(specs, "toy", settings(**changes), sessions)


# Of 10,000 images: the 95 % interval of 99.00 % is 98.79 .. 99.18 (Wilson, by hand).
FRONT = (flat(7000, 99.00), flat(5000, 98.80), flat(4000, 98.70), flat(2000, 97.0), flat(600, 80.0), flat(4500, 98.79))


def test_without_a_pick_it_is_the_winner() -> None:
    chosen = selection.select(study(*FRONT, validation=10_000))
    assert (chosen.trial.trial, chosen.why[:26]) == (0, "the highest score, 99.00 %")


def test_accurate_takes_the_smallest_inside_the_interval() -> None:
    chosen = selection.select(study(*FRONT, validation=10_000), "accurate")
    assert chosen.trial.trial == 5
    assert "the fewest parameters of the 3 networks within the 95 % interval" in chosen.why
    assert "98.79 .. 99.18" in chosen.why
    # On 100 times as many images the interval holds one network only.
    chosen = selection.select(study(*FRONT, validation=1_000_000), "accurate")
    assert (chosen.trial.trial, "none with fewer parameters" in chosen.why) == (0, True)


def test_smallest_holds_the_accuracy_in_every_late_epoch() -> None:
    unsteady = Spec(params=1000, accuracies=(99.0, 99.0, 98.69, 99.0))
    given = study(*FRONT, unsteady, validation=10_000)
    chosen = selection.select(given, "smallest", 98.7)
    assert (chosen.trial.trial, chosen.why) == (
        2,
        "the fewest parameters that hold 98.7 % in each of its last 3 epochs",
    )
    with pytest.raises(UserError, match=r"was searched without --target: give --at-least 99\.4"):
        selection.select(given, "smallest")
    with pytest.raises(UserError, match=r"holds 99\.9 % in each of its last 3 epochs: give a lower --at-least"):
        selection.select(given, "smallest", 99.9)
    with pytest.raises(UserError, match=r"not 0\.994"):
        selection.select(given, "smallest", 0.994)
    targeted = study(*FRONT, sessions=({"target": 97.0}, {"target": None}))
    assert selection.select(targeted, "smallest").trial.trial == 3


def test_the_knee_is_farthest_from_the_line_between_the_ends() -> None:
    """On (log10 parameters, accuracy), scaled to 0..1: the ends are (2, 90) and (4, 99); (3, 98) lies 0.39 above the
    line between them, (3.5, 98.5) lies 0.19 above it."""
    given = study(flat(100, 90.0), flat(1000, 98.0), flat(3162, 98.5), flat(10_000, 99.0))
    assert selection.select(given, "knee").trial.trial == 1
    straight = study(flat(100, 90.0), flat(1000, 92.0), flat(10_000, 99.0))
    assert (selection.select(straight, "knee").trial.trial, "no knee" in selection.select(straight, "knee").why) == (
        2,
        True,
    )
    assert selection.select(study(flat(100, 90.0)), "knee").trial.trial == 0


def test_picks_that_make_no_sense() -> None:
    for arguments, message in [
        (("best",), "--pick is accurate, smallest or knee, not 'best'"),
        (("knee", 99.0), "--at-least belongs to --pick smallest"),
        ((None, 99.0), "--at-least belongs to --pick smallest"),
    ]:
        with pytest.raises(UserError, match=message):
            selection.select(study(*FRONT), *arguments)
    with pytest.raises(UserError, match="no complete trial yet"):
        selection.select(study(Spec(state="rejected")))
