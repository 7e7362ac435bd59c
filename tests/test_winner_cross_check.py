"""The recount of a winner in a process of its own."""

import pytest
from studies import Spec, study_record

from underbudget.budget import __main__ as command
from underbudget.budget.crosscheck import LayerCheck
from underbudget.models.errors import UnderbudgetError
from underbudget.search.results import cross_check as cross_check
from underbudget.search.results.cross_check import WinnerCrossCheck

LAYERS = "conv3x3(4) relu bn | gap | linear(10)"  # 36 + 8 + 50 parameters; 9 x 4 x 26 x 26 + 40 multiply-adds


def test_torch_and_fvcore_confirm_a_network() -> None:
    study = study_record([Spec(layers=LAYERS)])
    with WinnerCrossCheck(study, study.trials[0]) as counting:
        expected = "94 parameters, confirmed by torch and fvcore; 24,376 MACs, confirmed by fvcore"
        assert counting.line == expected
        assert counting.line == expected  # told again, counted once


def test_what_is_not_confirmed_is_no_winner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_check.sys, "executable", "/bin/false")
    study = study_record([Spec(layers=LAYERS)])
    with (
        WinnerCrossCheck(study, study.trials[0]) as counting,
        pytest.raises(UnderbudgetError, match="demo:0 are not confirmed"),
    ):
        assert counting.line


def test_a_report_that_fails_leaves_no_process() -> None:
    study = study_record([Spec(layers=LAYERS)])
    with pytest.raises(ZeroDivisionError), WinnerCrossCheck(study, study.trials[0]) as counting:
        raise ZeroDivisionError
    assert counting._process.returncode is not None


def test_verify_says_what_differs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from underbudget.budget import crosscheck

    assert command.main([LAYERS, "--verify"]) == 0
    wrong = crosscheck.CrossCheck(94, 95, 94, 10, 10, (LayerCheck("conv", 10, 10),))
    monkeypatch.setattr(crosscheck, "crosscheck", lambda plan: wrong)
    assert command.main([LAYERS, "--verify"]) == 1
    assert "NOT confirmed: torch counts 95" in capsys.readouterr().out
