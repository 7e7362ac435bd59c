"""Exports: gathered from a trial of a study or from a folder of runs, and written in one format or all."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from underbudget.models import weights
from underbudget.models.errors import UnavailableError, UserError
from underbudget.models.export import formats
from underbudget.models.export.contents import Export
from underbudget.models.export.formats import Format, Verification
from underbudget.models.export.literal import JSON
from underbudget.models.export.recordings import is_of_sound
from underbudget.models.export.verify import check_target, write_verified
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.reports.network import plan_of
from underbudget.reports.record import StudyRecord, TrialRecord
from underbudget.reports.runs import Run, read_run
from underbudget.search.results import trained_trials
from underbudget.search.results.stated_accuracy import check_accuracy
from underbudget.search.study.location import CONFIRMATIONS, StudyLocation
from underbudget.search.training import recipe_json

if TYPE_CHECKING:
    from underbudget.search.data.store import Dataset

CALIBRATION = 1_000  # training images, evenly spread over the part
RECORDINGS = 32  # that a front end for sound is verified with


@dataclass(frozen=True)
class Written:
    """One format that was written, or why it was not."""

    format: Format
    verification: Verification | None
    left_out: str = ""


def of_trial(
    where: StudyLocation, study: StudyRecord, trial: TrialRecord, data_dir: Path | None = None, searched: bool = False
) -> tuple[Export, str]:
    """The export of a complete trial, and "". Of a confirmed one, unless `searched`, that of its first fresh seed, and
    what was taken of it, in words.

    Raises UserError where its weights or the images to check the file with are missing, UnderbudgetError where it does
    not predict as the study states.
    """
    if not searched and (finalist := of_finalist(where, study, trial, data_dir)):
        return finalist
    described = study.settings["dataset"]
    dataset = _prepared(described["name"], described["checksum"], data_dir)
    export = with_images(from_study(where, study, trial, dataset), dataset)
    check_accuracy(export)
    return export, ""


def export_trial(
    where: StudyLocation,
    study: StudyRecord,
    trial: TrialRecord,
    output: Path,
    force: bool = False,
    format: str = "py",
    searched: bool = False,
) -> Verification:
    """Write a complete trial (see `of_trial`) in one format, verified in a fresh process."""
    check_target(output, force, formats.find(format))
    return write_verified(of_trial(where, study, trial, searched=searched)[0], output, force, format)


def from_study(
    where: StudyLocation, study: StudyRecord, trial: TrialRecord, dataset: "Dataset | None" = None
) -> Export:
    """The export of a complete trial from the study's folder, without more images of its data set than a few samples;
    those are taken from the data set, where it is given and the study's own are damaged."""
    images, labels = trained_trials.samples(where.folder, study.settings["dataset"]["input_shape"], dataset)
    assert trial.proposal is not None, "the caller picked a complete trial"
    assert trial.result is not None
    described, completed = study.settings["dataset"], trial.completed
    metadata = {
        "study": study.name,
        "trial": trial.trial,
        "score": trial.result.score,
        "last_epoch_val_accuracy": trial.curve[-1].val_accuracy,
        "validation_images": described["counts"]["validation"],
        "parameters": trial.proposal.cost.params,
        "budget": study.settings["budget"],
        "dataset": described["name"],
        "trained_on": f"{described['counts']['train']:,} images, train part of {described['name']}",
        "data_checksum": trial.result.data_checksum,
        "id": trial.proposal.id,
        "layers_text": trial.proposal.layers_text,
        "recipe": trial.proposal.recipe["name"],
        "epochs": trial.result.epochs,
        "seed": trial.proposal.seed,
        "trained": None if completed is None else completed.isoformat(timespec="seconds"),
        "versions": trial.result.versions,
    }
    return Export(
        plan=plan_of(study, trial),
        state=trained_trials.load_state(where, trial),
        mean=tuple(described["mean"]),
        std=tuple(described["std"]),
        classes=tuple(described["classes"]),
        metadata=metadata,
        samples=images,
        sample_labels=labels,
        recipe=trial.proposal.recipe,
        frontend=described.get("frontend"),
    )


def of_finalist(
    where: StudyLocation, study: StudyRecord, trial: TrialRecord, data_dir: Path | None = None
) -> tuple[Export, str] | None:
    """The export of a confirmed trial by its fresh seeds, as `of_runs`; None for a trial that was not confirmed."""
    folder = where.folder / CONFIRMATIONS / f"trial-{trial.trial}"
    if not any(folder.glob("seed-*.json")):
        return None
    bundle, said = of_runs(folder, data_dir, where.folder)
    assert trial.proposal is not None, "the caller picked a complete trial"
    assert trial.result is not None
    for what, own in (("id", trial.proposal.id), ("data_checksum", trial.result.data_checksum)):
        if bundle.metadata[what] != own:
            raise UserError(
                f"the runs in {folder} are not of trial {trial.trial} (their {what.replace('_', ' ')} is "
                f"{str(bundle.metadata[what])[:12]}, the trial's {own[:12]}): remove them and confirm again"
            )
    if not (folder / "seed-0.json").is_file():
        said += "; seed-0 is missing"
    return replace(bundle, metadata={"study": study.name, "trial": trial.trial, **bundle.metadata}), said


def is_runs_folder(path: Path) -> bool:
    """Whether a path looks like a folder that `train` or `confirm` wrote, or one above such folders."""
    return path.is_dir() and any(any(path.glob(pattern)) for pattern in ("seed-*.json", "*/seed-*.json"))


def of_runs(folder: Path, data_dir: Path | None = None, study_folder: Path | None = None) -> tuple[Export, str]:
    """The export of a folder that `train` or `confirm` wrote, and what was taken of it, in words: the first seed's
    weights, with that file's own accuracy and the mean over all seeds.

    study_folder: of the study that they belong to, for where the data set is not at hand. Raises UserError where there
    is no run, runs are of several networks, or there are no images to check the file with.
    """
    records = sorted(folder.glob("seed-*.json"), key=lambda path: (len(path.name), path.name))
    if not records:
        below = sorted({path.parent.name for path in folder.glob("*/seed-*.json")})
        hint = f": export one of the folders in it, {', '.join(below[:5])}" if below else ", train ends with one"
        raise UserError(f"there is no finished run in {folder}{hint}")
    runs = [read_run(path) for path in records]
    first = runs[0]
    if len({(run.id, run.protocol, run.data.checksum, _recipe(run)) for run in runs}) > 1:
        raise UserError(
            f"{folder} holds runs of several networks, recipes, protocols or data sets: export from a folder of one"
        )
    try:
        data = (folder / first.weights_file).read_bytes()
    except FileNotFoundError:
        data = b""
    except OSError as error:
        raise UserError(
            f"the weights {folder / first.weights_file} cannot be read ({error.strerror}): check their permissions"
        ) from error
    if weights.sha256(data) != first.weights_sha256:
        raise UserError(f"the weights {folder / first.weights_file} are missing or were changed: train again")
    dataset = _prepared(first.data.name, first.data.checksum, data_dir)
    if dataset is not None:
        samples = trained_trials.choose_samples(dataset, trained_trials.MOST_SAMPLES)
    elif study_folder is not None:
        samples = trained_trials.read_samples(study_folder, first.data.input_shape)
    else:
        raise UserError(
            f"the data set {first.data.name} that {folder} was trained on is not at hand, and an export is checked on "
            "its validation images: name its folder by --data-dir"
        )
    bundle = Export(
        plan=plan(parse(first.layers_text), first.data.input_shape, len(first.data.classes)),
        state=weights.decode(data),
        mean=first.data.mean,
        std=first.data.std,
        classes=first.data.classes,
        metadata=_metadata_of_runs(runs),
        samples=samples[0],
        sample_labels=samples[1],
        recipe=first.recipe,
        frontend=first.data.frontend,
    )
    seeds = f"mean {fmean(run.last for run in runs):.2f} % over {len(runs)} seeds" if len(runs) > 1 else "one seed"
    said = f"{records[0].stem}, {first.data.part} accuracy {first.last:.2f} % in the last epoch ({seeds})"
    return with_images(bundle, dataset), said


def _recipe(run: Run) -> str:
    """Its recipe as text; fields that an older version did not write have their defaults."""
    return json.dumps(recipe_json.to_json(recipe_json.from_json(run.recipe)), sort_keys=True)


def _metadata_of_runs(runs: list[Run]) -> dict[str, Any]:
    """What the exported file says of itself; accuracies are of the last epoch, percent."""
    first, part = runs[0], runs[0].data.part
    accuracy = "test_accuracy" if part == "test" else "last_epoch_val_accuracy"
    measured = {accuracy: first.last} if part == "test" else {"score": first.score, accuracy: first.last}
    if len(runs) > 1:
        measured |= {f"mean_{accuracy}": fmean(run.last for run in runs), "seeds": len(runs)}
    trained_on = "train part" if first.protocol == "search" else "train and validation parts"
    return {
        "name": first.name,
        "protocol": first.protocol,
        f"{part}_images": first.data.judged,
        **measured,
        "parameters": first.params,
        "dataset": first.data.name,
        "data_checksum": first.data.checksum,
        "trained_on": f"{first.data.trained:,} images, {trained_on} of {first.data.name}",
        "id": first.id,
        "layers_text": first.layers_text,
        "recipe": first.recipe["name"],
        "epochs": len(first.curve),
        "seed": first.seed,
        "trained": first.finished,
        "versions": first.versions,
    }


def _prepared(name: str, checksum: str, data_dir: Path | None) -> "Dataset | None":
    """The prepared data set of that checksum, None where it is not there: nothing is downloaded for an export."""
    from underbudget.search.data.sources import prepared, stored

    try:
        dataset = stored(checksum, data_dir) or prepared(name, data_dir)
    except UserError:
        return None
    return dataset if dataset is not None and dataset.info.checksum == checksum else None


def with_images(export: Export, dataset: "Dataset | None") -> Export:
    """The export with the images of its data set: more to verify with, and to calibrate int8 with."""
    if dataset is None:
        return export
    validation, train = dataset.part("validation"), dataset.part("train")
    chosen = train.images[:: max(1, len(train.images) // CALIBRATION)][:CALIBRATION]
    export = replace(export, validation=(validation.images, validation.labels), calibration=chosen)
    return replace(export, recordings=_recordings(dataset)) if is_of_sound(export) else export


def _recordings(dataset: "Dataset") -> list[Path]:
    """Some recordings that a store was made from, where they are still there."""
    from underbudget.search.data import preparing, sound_folder

    definition = preparing.definition_of_store(dataset)
    return [] if definition is None else sound_folder.some(definition, RECORDINGS)


def format_of(output: Path, format: str | None) -> str:
    """The format asked for, else the one of the output's ending, else py."""
    told = (one.name for one in formats.FORMATS if not one.is_folder and one.suffix == output.suffix)
    return next(told, "py") if format is None else format


def check_output(output: Path, format: str, force: bool) -> None:
    """Raises UserError, before any work is done, if a format, or all of them, may not be written to `output`."""
    if format != formats.ALL:
        chosen = formats.find(format)
        check_target(output, force, chosen)
        chosen.check_installed()
        return
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file, --format {formats.ALL} writes into a folder: give another --output")
    if not output.parent.is_dir():
        raise UserError(f"there is no folder {output.parent}: make it or give another --output")
    if output.is_dir():
        for one in formats.FORMATS:
            check_target(_below(output, one), force, one)


def options_of(format: str, given: Mapping[str, str | None]) -> dict[str, JSON]:
    """The options of single formats that were given. Raises UserError, before any work is done, for one that the format
    (or any, for all) does not take, and for a bad value."""
    options: dict[str, JSON] = {name: value for name, value in given.items() if value is not None}
    chosen = formats.FORMATS if format == formats.ALL else (formats.find(format),)
    for name, value in options.items():
        taking = [one for one in chosen if name in one.options]
        if not taking:
            known = " or ".join(one.name for one in formats.FORMATS if name in one.options)
            raise UserError(f"--{name} belongs to --format {known}, not to {format}: leave it out")
        for one in taking:
            one.options[name](value)
    return options


def write(export: Export, output: Path, format: str, force: bool = False) -> list[Written]:
    """Write one format to `output`, or all into that folder, each verified; one that fails leaves nothing."""
    check_output(output, format, force)
    if format != formats.ALL:
        return [Written(formats.find(format), write_verified(export, output, force, format))]
    try:
        output.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {output} ({error.strerror}): give another --output") from error
    export = replace(export, options={"name": output.name, **export.options})
    written = []
    for one in formats.FORMATS:
        try:
            written.append(Written(one, write_verified(export, _below(output, one), force, one.name)))
        except UnavailableError as error:  # costs that format only
            written.append(Written(one, None, str(error)))
    if not any(one.verification for one in written):
        with contextlib.suppress(OSError):
            output.rmdir()
        raise UserError(written[0].left_out)
    return written


def _below(folder: Path, format: Format) -> Path:
    """Where each of all formats goes: DIR/DIR.py, DIR/DIR.onnx, ..., DIR/safetensors."""
    return folder / (format.name if format.is_folder else f"{folder.name}{format.suffix}")
