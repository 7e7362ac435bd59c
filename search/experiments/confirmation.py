"""Retrains the finalists of a study on fresh seeds, on train + validation, with one test-set access per run.

Optuna freezes finished trials, so the results go into study attributes: one per run, and a list of test-set accesses.
The weights are in the study's folder.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models.errors import UserError
from underbudget.models.language import parse
from underbudget.reports import confirmation as confirmed
from underbudget.reports import front as fronts
from underbudget.reports.reading import CONFIRMATION_PREFIX, TEST_SET_ACCESSES_ATTRIBUTE
from underbudget.reports.record import StudyRecord, TrialRecord
from underbudget.reports.runs import Run, from_json, to_json
from underbudget.reports.writing import write_confirmation
from underbudget.search.data.definition import definition_of
from underbudget.search.data.protocol import training_images
from underbudget.search.data.store import Dataset
from underbudget.search.experiments import test_set_accesses
from underbudget.search.experiments.archive import Archive
from underbudget.search.experiments.events import Notify
from underbudget.search.experiments.options import ConfirmationOptions
from underbudget.search.experiments.run_spec import RunSpec, differences
from underbudget.search.experiments.runs import complete
from underbudget.search.experiments.setup import prepare
from underbudget.search.session.options import check
from underbudget.search.study import finding
from underbudget.search.study.guard import Guard
from underbudget.search.study.location import CONFIRMATIONS
from underbudget.search.study.opening import open_study, stored_settings
from underbudget.search.study.seeds import derive
from underbudget.search.training import recipe_json, run_length

if TYPE_CHECKING:
    import optuna

PROTOCOL = "confirm"


def confirm(
    options: ConfirmationOptions, notify: Notify = lambda event: None
) -> tuple[confirmed.Confirmation, dict[str, Path]]:
    """Retrain the finalists of a study and evaluate each run on the test part once; the result and its files.

    Runs are kept in the study, so the same call goes on where it was stopped. Raises UserError for invalid options,
    UnderbudgetError if a run fails.
    """
    check(options)
    where = finding.find(options.study, options.runs, options.storage)
    study = finding.read(where)
    own = study.settings["dataset"]
    setup = prepare(definition_of(own), options, notify, own["checksum"])
    if own["checksum"] != setup.dataset.info.checksum:
        raise UserError(
            f"the data set {own['name']} here has another checksum ({setup.dataset.info.checksum[:12]}) than the "
            f"study's ({own['checksum'][:12]}): name its data by --data-dir"
        )
    finalists = choose(study, options.top, options.seeds, setup.dataset)
    folder = where.folder / CONFIRMATIONS
    specs = [spec for _, own in finalists for spec in own]
    notify(f"device    {setup.device_line()}")
    notify(f"runs      {len(specs)}: {options.seeds} of each of {len(finalists)} finalists, below {folder}\n")
    settings = stored_settings(where)
    assert settings is not None, "the study was read"
    with open_study(where, settings) as (opened, guard):
        archive = StudyArchive(opened, guard, setup.dataset, folder)
        runs = complete(specs, setup, folder, "confirm", notify, archive).all()
    result = confirmed.Confirmation(
        study.name,
        tuple(confirmed.Confirmed(trial, tuple(runs[spec.key] for spec in own)) for trial, own in finalists),
        options.target,
        options.last,
    )
    return result, write_confirmation(result, folder)


def choose(study: StudyRecord, top: int, seeds: int, dataset: Dataset) -> list[tuple[TrialRecord, list[RunSpec]]]:
    """The `top` trials of highest score on the front, best first, with a run per fresh seed; of a study whose objective
    is accuracy alone, among all its complete trials.

    Seeds derive from the study's seed, the trial's number and the run's index, so a later call with more seeds goes on
    with the same ones. Raises UserError where no trial is complete.
    """
    if study.settings.get("objective") == "accuracy":
        ranked = sorted(
            fronts.scored(study.trials),
            key=lambda trial: (-fronts.score(trial), fronts.cost(trial, study.axis), trial.trial),
        )
    else:
        ranked = list(reversed(fronts.front(study.trials, study.axis)))
    if not ranked:
        raise UserError(
            f"the study {study.name} has no complete trial yet: let it run on, underbudget launch {study.name}"
        )
    images = training_images(dataset, PROTOCOL)
    finalists = []
    for trial in ranked[:top]:
        assert trial.proposal is not None, "it has a score"
        recipe = run_length.resolve(recipe_json.from_json(trial.proposal.recipe), images=images)
        architecture, name = parse(trial.proposal.layers_text), f"{study.name}:{trial.trial}"
        specs = []
        for index in range(seeds):
            seed = derive(int(study.settings["seed"]), trial.trial, f"confirm-{index}")
            specs.append(RunSpec(f"trial-{trial.trial}/seed-{index}", name, architecture, recipe, seed, PROTOCOL))
        finalists.append((trial, specs))
    return finalists


def attribute(spec: RunSpec) -> str:
    """The study attribute that holds the run "trial-12/seed-0": "confirmation:12:0"."""
    return CONFIRMATION_PREFIX + spec.key.removeprefix("trial-").replace("/seed-", ":")


class StudyArchive(Archive):
    """Keeps finished runs in a study's attributes, and notes there that they read the test labels.

    A crash may leave a run in the folder that the study does not know: it is found, and the study is told. A run whose
    weights are missing is trained again.
    """

    def __init__(self, study: "optuna.Study", guard: Guard, dataset: Dataset, folder: Path) -> None:
        super().__init__(dataset, folder)
        self._study, self._guard = study, guard
        self._attributes: dict[str, Any] = study.user_attrs

    def find(self, spec: RunSpec) -> Run | None:
        """Raises UserError for a run of other conditions: retraining it would read the test part once more."""
        value = self._attributes.get(attribute(spec))
        if value is None:
            found = super().find(spec)
            if found is not None:
                self.keep(spec, found)
            return found
        run = from_json(value)
        if differing := differences(run, spec, self.dataset):
            raise UserError(
                f"{attribute(spec)} of the study is a run of other conditions ({'; '.join(differing)}): confirm with "
                f"the version that it was trained by, underbudget {run.versions.get('underbudget', 'unknown')}"
            )
        return run if self.has_weights(run, self.folder / f"{spec.key}.safetensors") else None

    def check(self) -> None:
        """Raises BrokenOffError where the study is not in its place any more."""
        self._guard.check()

    def keep(self, spec: RunSpec, run: Run) -> None:
        self._study.set_user_attr(attribute(spec), to_json(run))
        access = test_set_accesses.access(PROTOCOL, spec.key, spec.seed, run.readings, len(run.judged))
        earlier = self._study.user_attrs.get(TEST_SET_ACCESSES_ATTRIBUTE, [])
        self._study.set_user_attr(TEST_SET_ACCESSES_ATTRIBUTE, [*earlier, access])
