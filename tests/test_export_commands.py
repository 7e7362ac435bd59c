"""`underbudget export`, `predict` and `evaluate`: what is picked and gathered, and what they print."""

import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exports import export_of, network
from PIL import Image, ImageOps
from studies import flat, study_record, trial_record

from underbudget.budget.count import count
from underbudget.models import weights
from underbudget.models.errors import UserError
from underbudget.models.export import formats
from underbudget.models.export.standalone import normalise
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.reports.record import Epoch
from underbudget.reports.runs import Data, Evaluated, Run, to_json
from underbudget.search.commands.main import run
from underbudget.search.data.store import Dataset
from underbudget.search.experiments import test_set_accesses
from underbudget.search.results import exporting
from underbudget.search.results.trained_trials import keep_samples
from underbudget.search.study.location import StudyLocation
from underbudget.search.training.built_in_recipes import RECIPES
from underbudget.search.training.recipe_json import to_json as recipe_json

LAYERS = "conv3x3(6,s2) relu bn | conv3x3(8,s2) bn relu | gap | conv1x1(10)"
PLACED = plan(parse(LAYERS), (1, 28, 28), 10)


def runs_folder(folder: Path, dataset: Dataset, protocol: str = "confirm", **changes: Any) -> dict[str, torch.Tensor]:
    """Runs of two seeds as `train` and `confirm` store them; the state of the first."""
    info = dataset.info
    states = [network(PLACED, seed).state_dict() for seed in (3, 4)]
    for seed, state, accuracy in ((3, states[0], 90.0), (10, states[1], 92.0)):
        data = weights.encode(state)
        (folder / f"seed-{seed}.safetensors").write_bytes(data)
        value = Run(
            name="toy",
            id=PLACED.architecture.id,
            layers_text=LAYERS,
            params=count(PLACED).params,
            macs=count(PLACED).macs,
            recipe=recipe_json(RECIPES["plain"]),
            seed=1_000_000 // seed,  # as derived, in no order
            protocol=protocol,
            data=Data(
                info.name,
                info.checksum,
                info.input_shape,
                info.classes,
                (0.2,),
                (0.4,),
                1528,
                "test" if protocol == "confirm" else "validation",
                269,
            ),
            curve=(Epoch(1, 1.0, 80.0, 1.0, 80.0, 1.0),),
            judged=(Evaluated(1, 1.0, accuracy),),
            confusion=[[0] * 10] * 10,
            missed=(),
            readings=1,
            seconds=1.0,
            path="cpu float32 plain threads=1",
            device="cpu",
            hardware="a processor",
            versions={"torch": "2.15.0"},
            weights_file=f"seed-{seed}.safetensors",
            weights_sha256=weights.sha256(data),
            finished="2026-11-20T18:00:00+00:00",
        )
        (folder / f"seed-{seed}.json").write_text(json.dumps({**to_json(value), **changes}))
    return states[0]


def data_dir(dataset: Dataset) -> Path:
    return dataset.folder.parents[1]


def test_a_folder_of_runs_exports_its_first_seed(digits: Dataset, tmp_path: Path) -> None:
    state = runs_folder(tmp_path, digits)
    export, said = exporting.of_runs(tmp_path, data_dir(digits))
    assert said == "seed-3, test accuracy 90.00 % in the last epoch (mean 91.00 % over 2 seeds)"
    assert all(torch.equal(export.state[name], tensor) for name, tensor in state.items())
    assert (export.mean, export.std) == ((0.2,), (0.4,))  # as the run had them, not as the store has
    data = export.metadata
    assert (data["test_accuracy"], data["mean_test_accuracy"], data["seeds"], data["seed"]) == (90.0, 91.0, 2, 333_333)
    assert data["trained_on"] == "1,528 images, train and validation parts of digits"
    assert len(export.samples) == 64
    assert len(set(export.sample_labels[:10])) == 10
    assert export.calibration is not None
    assert len(export.calibration) == 1000


def test_a_confirmed_trial_exports_its_fresh_seed(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = StudyLocation("toy", tmp_path)
    made = trial_record(3, flat(7000, 99.0))
    assert made.proposal is not None
    assert made.result is not None
    trial = replace(
        made,
        proposal=replace(made.proposal, id=PLACED.architecture.id),
        result=replace(made.result, data_checksum=digits.info.checksum),
    )
    assert exporting.of_finalist(where, study_record([flat(7000, 99.0)], "toy"), trial) is None
    (tmp_path / "confirm" / "trial-3").mkdir(parents=True)
    (tmp_path / "models").mkdir()
    keep_samples(digits, tmp_path)
    state = runs_folder(tmp_path / "confirm" / "trial-3", digits)
    found = exporting.of_finalist(where, study_record([flat(7000, 99.0)], "toy"), trial, tmp_path)
    assert found is not None
    export, said = found
    assert said.startswith("seed-3, test accuracy 90.00 %")
    assert said.endswith("; seed-0 is missing")
    assert torch.equal(export.state["conv1.weight"], state["conv1.weight"])
    assert (export.metadata["study"], export.metadata["trial"]) == ("toy", 3)
    assert len(export.samples) == 64
    # From Python it is the same, unless the weights of the search are asked for.
    monkeypatch.setattr("underbudget.search.data.sources.cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr("underbudget.search.results.exporting.write_verified", lambda bundle, *rest: bundle)
    given: Any = exporting.export_trial(where, study_record([flat(7000, 99.0)], "toy"), trial, tmp_path / "a.py")
    assert given.metadata["test_accuracy"] == 90.0
    with pytest.raises(UserError, match=r"the weights .*trial-3\.safetensors cannot be read"):
        exporting.export_trial(where, study_record([flat(7000, 99.0)], "toy"), trial, tmp_path / "a.py", searched=True)
    with pytest.raises(UserError, match=r"are not of trial 3 \(their id is"):
        exporting.of_finalist(where, study_record([flat(7000, 99.0)], "toy"), made, tmp_path)
    other = replace(trial, result=made.result)
    with pytest.raises(UserError, match=r"are not of trial 3 \(their data checksum is"):
        exporting.of_finalist(where, study_record([flat(7000, 99.0)], "toy"), other, tmp_path)


def test_runs_judged_on_validation_tell_their_mean(digits: Dataset, tmp_path: Path) -> None:
    runs_folder(tmp_path, digits, "search")
    data = exporting.of_runs(tmp_path, data_dir(digits))[0].metadata
    assert (data["last_epoch_val_accuracy"], data["mean_last_epoch_val_accuracy"], data["seeds"]) == (90.0, 91.0, 2)


def test_folders_that_cannot_be_exported(digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("underbudget.search.data.sources.cache_folder", lambda: tmp_path / "cache")
    with pytest.raises(UserError, match="there is no finished run in"):
        exporting.of_runs(tmp_path, data_dir(digits))
    runs_folder(tmp_path, digits)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="is not at hand"):
        exporting.of_runs(tmp_path, tmp_path / "empty")
    (tmp_path / "seed-3.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match="are missing or were changed"):
        exporting.of_runs(tmp_path, data_dir(digits))
    (tmp_path / "seed-10.json").write_text((tmp_path / "seed-10.json").read_text().replace("confirm", "search"))
    with pytest.raises(UserError, match="runs of several networks, recipes, protocols"):
        exporting.of_runs(tmp_path, data_dir(digits))
    (tmp_path / "recipes").mkdir()
    runs_folder(tmp_path / "recipes", digits)
    changed = json.loads((tmp_path / "recipes/seed-10.json").read_text())
    changed["recipe"]["epochs"] += 1
    (tmp_path / "recipes/seed-10.json").write_text(json.dumps(changed))
    with pytest.raises(UserError, match="runs of several networks, recipes, protocols"):
        exporting.of_runs(tmp_path / "recipes", data_dir(digits))


def test_export_predict_and_evaluate(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file from a folder of runs to its accuracy, which torch and numpy work out beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    state = runs_folder(tmp_path / "runs", digits)
    given = ["--data-dir", str(data_dir(digits))]
    assert run(["export", "runs", "--output", "winner.onnx", *given]) == 0
    text = capsys.readouterr().out
    assert "runs: seed-3, test accuracy 90.00 %" in text
    assert f"winner.onnx: {(tmp_path / 'winner.onnx').stat().st_size / 1000:.1f} kB" in text
    assert "logits of 256 validation images" in text  # the data set is at hand
    assert "underbudget predict winner.onnx picture.png" in text

    built = network(PLACED)
    built.load_state_dict(state)
    part = digits.part("test")
    with torch.inference_mode():
        logits = built(normalise(torch.from_numpy(np.array(part.images)), (0.2,), (0.4,)))
    right = int((logits.argmax(1).numpy() == part.labels).sum())
    before = test_set_accesses.total(digits.folder)
    assert run(["evaluate", "winner.onnx", "--dataset", "digits", *given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["right"], found["images"], found["readings"]) == (right, 269, before + 1)
    assert found["accuracy"] == pytest.approx(100 * right / 269)
    assert run(["evaluate", "winner.onnx", *given]) == 0  # its own data set
    assert f"this was access {before + 2} to these test labels" in capsys.readouterr().out

    monkeypatch.setattr(test_set_accesses, "FILE", "missing/readings.jsonl")  # as where nothing can be written
    assert run(["evaluate", "winner.onnx", "--dataset", "digits", *given]) == 0
    assert "this access to the test labels could not be recorded, 0 are: " in capsys.readouterr().out

    light = Image.fromarray(np.array(part.images[0, 0]))
    light.save("light.png")
    ImageOps.invert(light.resize((84, 84), Image.Resampling.BICUBIC)).convert("RGB").save("dark.png")
    Path("text.png").write_text("no picture")
    assert run(["predict", "winner.onnx", "light.png", "dark.png", "text.png"]) == 1
    printed = capsys.readouterr()
    first, second = printed.out.splitlines()
    assert first.startswith(f"light.png: {int(logits[0].argmax())} (")
    assert second.endswith("[inverted, resized 84x84 to 28x28]")
    assert printed.err.startswith("text.png: cannot identify image file")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "nothing.py", "a.png"], "there is no file nothing.py"),
        (["predict", "winner.ipynb", "a.png"], "winner.ipynb holds no weights"),
        (["evaluate", "winner.ipynb"], "winner.ipynb holds no weights"),
        (
            ["evaluate", "small.onnx", "--dataset", "digits"],
            "takes 1x8x8 pictures of 10 classes, digits has 1x28x28 of 10",
        ),
        (["evaluate", "small.onnx", "--dataset", "digit"], "unknown data set"),
        (["export", "runs", "--output", "a.onnx", "--pick", "knee"], "--pick and --at-least belong to a study"),
        (["export", "toy:3", "--output", "a.onnx", "--pick", "knee"], "a trial is picked already"),
        (["export", "no/where", "--output", "a.onnx"], "no finished run (seed-N.json) in no/where: give a folder of"),
        (["export", "runs", "--output", "a.zip"], "a file in the format py ends in .py"),
        (["export", "runs", "--output", "a.py", "--format", "pt3"], "unknown format 'pt3': did you mean pt2?"),
        (["export", "runs", "--output", "small.onnx", "--format", "all"], "--format all writes into a folder"),
        (["export", "runs", "--output", "no/where/a.py"], "there is no folder no/where"),
        (["export", "runs", "--output", "digits"], "digits does not: rename it or give --format"),
        (["export", "runs", "--output", "a", "--format", "c", "--precision", "int4"], "is float32 or int8, not 'int4'"),
        (["export", "runs", "--output", "a.onnx", "--precision", "int8"], "--precision belongs to --format c, not to "),
        (["export", "runs", "--output", "a.py", "--prefix", "net"], "--prefix belongs to --format c, not to py"),
        (["export", "runs", "--output", "all", "--format", "all", "--prefix", "1st"], "up to 30 letters, digits or"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str],
    message: str,
    digits: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNDERBUDGET_DATA", str(data_dir(digits)))
    (tmp_path / "runs").mkdir()
    runs_folder(tmp_path / "runs", digits)
    Path("winner.ipynb").write_text("{}")
    formats.find("onnx").write(export_of(plan(parse("linear(10)"), (1, 8, 8), 10)), Path("small.onnx"), "small")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert run(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert message in error
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler")
def test_one_precision_of_the_c_format(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    runs_folder(tmp_path / "runs", digits)
    arguments = ["export", "runs", "--output", "small", "--format", "c", "--data-dir", str(data_dir(digits))]
    assert run([*arguments, "--precision", "int8", "--prefix", "net"]) == 0
    text = capsys.readouterr().out
    assert "int8: logits of 256 equal to the LiteRT arithmetic bit for bit" in text
    assert "float32" not in text
    assert sorted(path.name for path in Path("small").iterdir()) == ["c-export.json", "int8"]
    assert sorted(path.name for path in Path("small/int8").glob("net*")) == ["net.c", "net.h", "net_main.c"]
    assert run([*arguments, "--precision", "float32", "--force"]) == 2  # int8 would be lost
    assert "small holds other files (int8), which would be lost" in capsys.readouterr().err
    assert run([*arguments, "--force"]) == 0
    assert sorted(path.name for path in Path("small").iterdir()) == ["c-export.json", "float32", "int8"]


@pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler")
def test_among_all_formats_a_folder_is_named_as_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "FORMATS", (formats.find("c"), formats.find("safetensors")))
    exporting.write(export_of(PLACED, options={"precision": "float32"}), tmp_path / "my-digits", "all")
    assert "int my_digits_predict(" in (tmp_path / "my-digits/c/float32/my_digits.h").read_text()
    assert "\n# my-digits\n" in (tmp_path / "my-digits/safetensors/README.md").read_text()


def test_all_formats_go_into_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two: one that is installed, and one that is not."""
    absent = replace(formats.find("pt2"), needs=("no_such_package",))
    monkeypatch.setattr(formats, "FORMATS", (formats.find("onnx"), absent))
    onnx, pt2 = exporting.write(export_of(PLACED), tmp_path / "winner", "all")
    assert onnx.verification is not None
    assert onnx.verification.path == tmp_path / "winner" / "winner.onnx"
    assert (pt2.verification, pt2.left_out) == (
        None,
        "the format pt2 needs no_such_package, which is not installed: pip install no_such_package",
    )
    assert [path.name for path in (tmp_path / "winner").iterdir()] == ["winner.onnx"]
    with pytest.raises(UserError, match=r"winner\.onnx exists: give --force"):
        exporting.write(export_of(PLACED), tmp_path / "winner", "all")


def test_a_full_disk_is_no_format_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device"):
        exporting.write(export_of(PLACED), tmp_path / "winner", "all")
    assert not list(tmp_path.glob("winner/*"))


@pytest.mark.parametrize(
    ("output", "given", "expected"),
    [
        ("a.onnx", None, "onnx"),
        ("a.pt2", None, "pt2"),
        ("a", None, "py"),
        ("a.ipynb", "py", "py"),
        ("a.py", None, "py"),
    ],
)
def test_the_ending_tells_the_format(output: str, given: str | None, expected: str) -> None:
    assert exporting.format_of(Path(output), given) == expected
