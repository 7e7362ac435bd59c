"""The Python interface: the same searches, as objects. Re-exported by `underbudget`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from underbudget.reports import comparison, comparison_tables, tables
from underbudget.reports import front as fronts
from underbudget.reports.reading import read_study
from underbudget.reports.record import StudyRecord, TrialRecord
from underbudget.search.data import sources
from underbudget.search.results import trained_trials
from underbudget.search.session import data_options, resolving, running
from underbudget.search.session import repeats as sets
from underbudget.search.session.coordinator import Limits
from underbudget.search.session.data_options import of_data
from underbudget.search.session.options import keywords
from underbudget.search.session.request import Options, Request
from underbudget.search.session.signals import Stopper
from underbudget.search.study import finding
from underbudget.search.study.location import RUNS, StudyLocation

if TYPE_CHECKING:
    import pandas
    import torch

    from underbudget.models.export.formats import Verification

_AnyOptions = TypeVar("_AnyOptions", bound=Options)


@dataclass(frozen=True)
class Trial:
    """One trial of a study. `record` holds all that is known about it."""

    study: "Study"
    record: TrialRecord

    def __repr__(self) -> str:
        score = "" if self.score is None else f", {self.score:.2f} %"
        return f"<Trial {self.number} of {self.study.name}: {self.record.state}{score}, {self.params} parameters>"

    @property
    def number(self) -> int:
        """Optuna's trial number."""
        return self.record.trial

    @property
    def score(self) -> float | None:
        """Mean validation accuracy of the last three epochs in percent; None unless complete."""
        return self.record.score

    @property
    def params(self) -> int | None:
        """Trainable parameters of its network."""
        return None if self.record.proposal is None else self.record.proposal.cost.params

    @property
    def layers_text(self) -> str | None:
        """Its network in the layer language."""
        return None if self.record.proposal is None else self.record.proposal.layers_text

    def load(self) -> "torch.nn.Module":
        """The trained network in eval mode.

        Input: float32 images (n, channels, height, width) in 0..1, normalised with the data set's mean and std
        (`study.settings["dataset"]`); output: logits (n, classes). Raises UserError unless the trial is complete.
        """
        record = trained_trials.pick(self.study.read(), self.number)
        return trained_trials.load(self.study.location, self.study.read(), record)

    def export(
        self, output: str | Path, force: bool = False, format: str = "py", searched: bool = False
    ) -> "Verification":
        """Write the network in a format (docs/export.md), one Python file by default, and verify it in a fresh process.

        Of a confirmed trial it has the weights of the first fresh seed, as with `underbudget export`; `searched` takes
        those of the search, which `load` gives. Raises UserError unless the trial is complete, or where `output`
        exists and `force` is not given.
        """
        from underbudget.search.results import exporting

        study = self.study.read()
        trial = trained_trials.pick(study, self.number)
        return exporting.export_trial(self.study.location, study, trial, Path(output), force, format, searched)


@dataclass(frozen=True)
class Study:
    """A study on disk. Every property reads it anew, also while a search is running."""

    location: StudyLocation

    @property
    def name(self) -> str:
        return self.location.name

    @property
    def settings(self) -> dict[str, Any]:
        """What is fixed for the study (docs/record.md)."""
        return self.read().settings

    @property
    def trials(self) -> list[Trial]:
        """All proposals, by number."""
        return [Trial(self, record) for record in self.read().trials]

    @property
    def best(self) -> Trial:
        """The winner: the highest score, ties to fewer parameters. Raises UserError where no trial is complete."""
        return Trial(self, trained_trials.pick(self.read()))

    @property
    def counts(self) -> dict[str, int]:
        """How many trials were proposed, and what became of them."""
        return tables.counts(self.read())

    @property
    def outcome(self) -> str:
        """Why the last session ended, in a sentence; "" where none has ended."""
        sessions_held = self.read().sessions
        return str(sessions_held[-1].get("outcome", "")) if sessions_held else ""

    def read(self) -> StudyRecord:
        """The study as the reports see it."""
        return read_study(self.location.url, self.location.name)


@keywords(Options)
def launch(options: Options) -> Study:
    """Start a search, or resume it, and return its study when the session is over.

    The arguments are the options of `underbudget launch`; `dataset` may also be (x, y), a map-style data set of torch,
    or a mapping of parts to those (docs/data.md). The same call resumes. The session ends when the asked number of
    trials is there; a `timeout`, or a space that holds no new network, ends it earlier (`Study.outcome` says).
    Raises UserError for whatever does not hold, never exits; an interrupt (Ctrl-C) ends the search cleanly, within
    seconds, and passes on.
    """
    return _search(resolving.prepare(_with_stored_data(options)))


def launch_repeats(repeats: int, study: str | None = None, **options: Any) -> list[Study]:
    """Search on `repeats` seeds, one after the other: `seed` (0 by default) and those after it.

    The studies NAME-s0, NAME-s1, ... have the same settings but for the seed; the same call resumes each. `options` are
    those of `launch`, `timeout` is that of each search. Raises TypeError for an unknown option, UserError as `launch`
    does, for any of the studies, before the first is searched.
    """
    request = _with_stored_data(Request(study, repeats=repeats, **options))
    return [_search(session) for session in sets.prepare(request)]


def _with_stored_data(options: _AnyOptions) -> _AnyOptions:
    """The options with data from Python stored, and named by their store."""
    if options.dataset is None or isinstance(options.dataset, str):
        return options
    folder = None if options.data_dir is None else Path(options.data_dir)
    definition = sources.keep(options.dataset, of_data(options), folder, resolving.log.info)
    applied: dict[str, Any] = dict.fromkeys(data_options.NAMES)
    return replace(options, dataset=str(definition), **applied)


def _search(session: resolving.Session) -> Study:
    stopper = Stopper()
    with stopper.listening_to_ctrl_c():
        running.run(session, _Stopped(stopper))
    return Study(session.location)


class _Stopped(running.Listener):
    """A session that Ctrl-C stops cleanly: an interrupt in the middle of a write would leave the database locked."""

    def __init__(self, stopper: Stopper) -> None:
        self._stopper = stopper

    def begins(self, limits: Limits) -> None:
        self._stopper.begins(limits)


def compare(*studies: Study) -> "pandas.DataFrame":
    """A row per study: what it spent, and its hypervolume from one reference point for all, of the whole search and
    after as many trained epochs as each came to; studies that differ in the seed only have one `group`.

    Raises UserError for fewer than two, and for studies of other data or another cost.
    """
    import pandas

    compared = comparison.compare([study.read() for study in studies])
    return pandas.DataFrame(comparison_tables.study_rows(compared))


def open_study(study: str, *, runs: str | Path = RUNS, storage: str | None = None) -> Study:
    """A study that is there already. Raises UserError where it is not."""
    found = Study(finding.find(study, runs, storage))
    finding.read(found.location)
    return found


def front(study: Study) -> "pandas.DataFrame":
    """The front of a study, fewest parameters first: accuracies in percent with their 95 % interval."""
    return tables.front_frame(study.read())


def best_holding(study: Study, target: float) -> Trial | None:
    """The smallest network whose validation accuracy is at least `target` percent in each of its last 3 epochs."""
    found = fronts.smallest_holding(study.read().trials, target)
    return None if found is None else Trial(study, found)
