"""The cross-check of a winner's counts by torch and fvcore, in a process of its own while its report or export is made:
importing them takes seconds and 500 MB."""

import contextlib
import functools
import subprocess
import sys
from typing import Self

from underbudget.models.architecture import size_text
from underbudget.models.errors import UnderbudgetError
from underbudget.reports.network import plan_of
from underbudget.reports.record import StudyRecord, TrialRecord
from underbudget.search.engines.worker_process import environment_for


class WinnerCrossCheck(contextlib.AbstractContextManager["WinnerCrossCheck"]):
    """Starts counting; `line` waits for the result. A context that leaves no process behind."""

    def __init__(self, study: StudyRecord, trial: TrialRecord) -> None:
        network = plan_of(study, trial)
        self._name = f"{study.name}:{trial.trial}"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "underbudget.budget", str(network.architecture)),
                *("--input", size_text(network.input_shape), "--classes", str(network.classes), "--verify"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment_for(None),
        )

    @functools.cached_property
    def line(self) -> str:
        """The outcome, as one sentence. Raises UnderbudgetError if torch or fvcore count otherwise: no winner then."""
        said, complaint = self._process.communicate()
        if self._process.returncode:
            why = " ".join((complaint or said).split())[-300:]
            raise UnderbudgetError(f"the counts of {self._name} are not confirmed, {why}: please report it")
        return said.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # nothing, if it has ended
        self._process.communicate()
