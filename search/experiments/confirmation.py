"""Finalists of a study, retrained on fresh seeds on train + validation and read on the test part once per run.

Finished trials are frozen in Optuna, so what is learnt here goes into study attributes: one per run, and the list of
readings. The weights stay in the study's folder.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models import weights
from underbudget.models.errors import UserError
from underbudget.models.language import parse
from underbudget.reports import front as fronts
from underbudget.reports.reading import CONFIRMATION_PREFIX, TEST_SET_ACCESSES_ATTRIBUTE
from underbudget.reports.record import StudyRecord, TrialRecord
from underbudget.reports.runs import Run, from_json, to_json
from underbudget.search.data.protocol import training_images
from underbudget.search.data.store import Dataset
from underbudget.search.experiments.run_spec import RunSpec, differences, stored
from underbudget.search.study.seeds import derive
from underbudget.search.training import recipe as recipes

if TYPE_CHECKING:
    import optuna

PROTOCOL = "confirm"
MOST_FINALISTS = 1000


@dataclass(frozen=True)
class Finalist:
    """A trial, and the runs that are wanted of it."""

    trial: TrialRecord
    specs: tuple[RunSpec, ...]


def choose(study: StudyRecord, top: int, seeds: int, dataset: Dataset) -> tuple[Finalist, ...]:
    """The `top` trials of highest score on the front, best first, with a run per fresh seed; of a study whose objective
    is accuracy alone, among all its complete trials.

    Seeds derive from the study's seed, the trial's number and the run's index, so a later call with more seeds goes on
    with the same ones. Raises UserError for a number out of range, or where no trial is complete.
    """
    if not 1 <= top <= MOST_FINALISTS:
        raise UserError(f"--top is a whole number from 1 to {MOST_FINALISTS}, not {top}")
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
        recipe = recipes.resolve(recipes.from_json(trial.proposal.recipe), images=images)
        architecture, name = parse(trial.proposal.layers_text), f"{study.name}:{trial.trial}"
        specs = tuple(
            RunSpec(
                f"trial-{trial.trial}/seed-{index}",
                name,
                architecture,
                recipe,
                derive(int(study.settings["seed"]), trial.trial, f"confirm-{index}"),
                PROTOCOL,
            )
            for index in range(seeds)
        )
        finalists.append(Finalist(trial, specs))
    return tuple(finalists)


def check_data(study: StudyRecord, dataset: Dataset) -> None:
    """Raises UserError where the prepared data are not those of the study."""
    own = study.settings["dataset"]
    if own["checksum"] != dataset.info.checksum:
        raise UserError(
            f"the data set {own['name']} here has another checksum ({dataset.info.checksum[:12]}) than the study's "
            f"({own['checksum'][:12]}): name its data by --data-dir"
        )


def attribute(spec: RunSpec) -> str:
    """The study attribute that holds a run, "confirmation:12:0"."""
    trial, _, seed = spec.key.partition("/")
    return f"{CONFIRMATION_PREFIX}{trial.removeprefix('trial-')}:{seed.removeprefix('seed-')}"


def keeper(study: "optuna.Study") -> Callable[[RunSpec, Run], None]:
    """Stores a finished run, and that it read the test labels, in study attributes."""

    def keep(spec: RunSpec, run: Run) -> None:
        study.set_user_attr(attribute(spec), to_json(run))
        readings = list(study.user_attrs.get(TEST_SET_ACCESSES_ATTRIBUTE, []))
        readings.append(
            {
                "when": datetime.now(UTC).isoformat(timespec="seconds"),
                "what": PROTOCOL,
                "subject": spec.key,
                "seed": spec.seed,
                "times": run.readings,
                "epochs": len(run.judged),
            }
        )
        study.set_user_attr(TEST_SET_ACCESSES_ATTRIBUTE, readings)

    return keep


def finder(study: "optuna.Study", dataset: Dataset, folder: Path) -> Callable[[RunSpec], Run | None]:
    """Looks up finished runs: in the study's attributes, else in the folder, where a crash may have left one that the
    study does not know; then it is told. A run whose weights are missing is none.

    What it returns raises UserError for a run of other conditions: retraining it would read the test part once more.
    """
    keep = keeper(study)
    attributes: dict[str, Any] = study.user_attrs

    def find(spec: RunSpec) -> Run | None:
        value = attributes.get(attribute(spec))
        if value is None:
            found = stored(spec, dataset, folder)
            if found is not None:
                keep(spec, found)
            return found
        run = from_json(value)
        if differing := differences(run, spec, dataset):
            raise UserError(
                f"{attribute(spec)} of the study is a run of other conditions ({'; '.join(differing)}): confirm with "
                f"the version that it was trained by, underbudget {run.versions.get('underbudget', 'unknown')}"
            )
        file = folder / spec.weights_file
        kept = file.is_file() and weights.sha256(file.read_bytes()) == run.weights_sha256
        return run if kept else None

    return find
