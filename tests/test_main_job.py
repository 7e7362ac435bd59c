"""The main job as a user does it: real commands in processes of their own, real trainings of the embedded digits."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from PIL import Image

import underbudget
from underbudget.search.data.store import Dataset

COMMAND = [sys.executable, "-P", "-m", "underbudget"]
SMALL = {"width": [4, 6], "n_before": [1, 2], "n_after": [1, 2]}


def environment(digits: Dataset) -> dict[str, str]:
    root = str(Path(underbudget.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": root, "UNDERBUDGET_DATA": str(digits.folder.parents[1]), "NO_COLOR": "1"}


def command(arguments: list[str], digits: Dataset, folder: Path, code: int = 0) -> str:
    """Run the program in a folder; its output."""
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment(digits), capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, digits: Dataset) -> Path:
    """A folder where `launch first` has run, three trials on two workers, and `report first`."""
    made = tmp_path_factory.mktemp("work")
    lines = ["[space]", *(f"{key} = {value}" for key, value in SMALL.items())]
    (made / "small.toml").write_text("\n".join(['dataset = "digits"', "epochs = 2", "batch-size = 64", *lines]))
    text = command(["launch", "first", "--trials", "3", "--workers", "2", "--config", "small.toml"], digits, made)
    (made / "launch.txt").write_text(text)
    command(["report", "first", "--target", "50"], digits, made)
    return made


def trial_rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "runs" / "first" / "report" / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def test_launch_says_what_it_does_and_how_to_go_on(folder: Path) -> None:
    text = (folder / "launch.txt").read_text()
    for part in (
        "data set   digits, 1x28x28, 10 classes",
        "1,258 train, 270 validation, 269 test (not read)",
        "params at most 7,999",
        "steps      40 per trial",
        "warning: 40 steps per trial are few",
        "workers    2 on cpu (as asked)",
        "3 trained,",
        "rejected with zero training steps",
        "95 % interval",
        "underbudget report first",
        "underbudget export first --output winner.py",
    ):
        assert part in text
    log = (folder / "runs" / "first" / "launch.log").read_text()
    assert sum(" complete: " in line for line in log.splitlines()) == 3


def test_the_study_folder_holds_what_the_documentation_says(folder: Path) -> None:
    study = folder / "runs" / "first"
    for name in ("study.db", "launch.log", "report/index.html", "report/trials.csv", "report/front.csv"):
        assert (study / name).is_file()
    assert len(list((study / "models").glob("*.safetensors"))) == 3
    rows = trial_rows(folder)
    stock = optuna.load_study(study_name="first", storage=f"sqlite:///{study / 'study.db'}")
    assert [int(row["trial"]) for row in rows] == [trial.number for trial in stock.trials]
    for row, trial in zip(rows, stock.trials, strict=True):
        if trial.state.name == "COMPLETE":
            assert row["state"] == "complete"
            assert [int(row["params"]), float(row["score"])] == trial.values
            assert row["layers_text"] == trial.user_attrs["layers"]
        else:
            assert row["state"] == "rejected"
    report = json.loads((study / "report" / "report.json").read_text())
    assert {row["trial"] for row in report["front"]} == {trial.number for trial in stock.best_trials}


def test_status_and_show_as_json(folder: Path, digits: Dataset) -> None:
    status = json.loads(command(["status", "first", "--json"], digits, folder))
    assert status["counts"]["trained"] == 3
    assert json.loads(command(["status", "--json"], digits, folder))[0]["study"] == "first"
    number = status["winner"]["trial"]
    for what in (f"first:{number}", f"first#{number}"):
        shown = json.loads(command(["show", what, "--json"], digits, folder))
        assert shown["params"] == status["winner"]["params"]
        assert shown["layers_text"] == status["winner"]["layers_text"]
        assert sum(layer["params"] for layer in shown["layers"]) == shown["params"]
    shown = json.loads(command(["show", "tharun-m6", "--json", "--verify"], digits, folder))
    assert [layer["receptive_field"] for layer in shown["layers"]] == [3, 5, 5, 6, 10, 14, 18, 22, 28, 28]
    assert shown["params"] == 7416
    assert shown["verified"] is True


def test_any_complete_trial_leaves_as_a_file_that_stands_alone(folder: Path, digits: Dataset) -> None:
    number = next(row["trial"] for row in trial_rows(folder) if row["state"] == "complete")
    text = command(["export", f"first:{number}", "--output", "winner.py"], digits, folder)
    assert "confirmed by torch and fvcore" in text
    command(["export", "first", "--output", "winner.py"], digits, folder, code=2)
    command(["export", "first", "--output", "winner.py", "--force"], digits, folder)
    image = digits.part("validation").images[0, 0]
    Image.fromarray(np.array(image)).save(folder / "digit.png")
    alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    for arguments, expected in ((["digit.png"], "%"), (["--selftest"], "")):
        done = subprocess.run(
            [sys.executable, "-P", "winner.py", *arguments],
            cwd=folder,
            env=alone,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout


def test_the_same_command_resumes_and_more_trials_go_on(folder: Path, digits: Dataset) -> None:
    given = ["launch", "first", "--workers", "1", "--progress", "json"]
    assert command([*given, "--trials", "3"], digits, folder) == ""
    lines = [json.loads(line) for line in command([*given, "--trials", "4"], digits, folder).splitlines()]
    assert [line["event"] for line in lines].count("ended") == 1
    assert lines[-1]["progress"]["done"] == 4


def test_a_signal_before_the_search_begins_is_one_line(digits: Dataset, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from underbudget.search.session import resolving\n"
        "def prepare(*_):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "resolving.prepare = prepare\n"
        "from underbudget.search.commands.main import run\n"
        "sys.exit(run(['launch', '--dataset', 'digits']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(digits), capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert done.stderr == "error: stopped before the search began, nothing is lost\n"
    assert not list(tmp_path.iterdir())


def test_dry_run_prints_a_configuration_that_launch_reads(folder: Path, digits: Dataset, tmp_path: Path) -> None:
    text = command(["launch", "--dataset", "digits", "--dry-run", "--trials", "5"], digits, tmp_path)
    assert "smallest network" in text
    assert "largest network" in text
    assert "of random proposals are under params<8000" in text
    assert not (tmp_path / "runs").exists()
    (tmp_path / "again.toml").write_text(text)
    again = command(["launch", "--config", "again.toml", "--dry-run"], digits, tmp_path)
    assert again == text


def test_from_python(digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from underbudget import front, launch

    monkeypatch.setenv("UNDERBUDGET_DATA", str(digits.folder.parents[1]))
    monkeypatch.chdir(tmp_path)
    given = {"dataset": "digits", "budget": "params<8000", "epochs": 1, "batch_size": 64, "workers": 1, "space": SMALL}
    study = launch("fashion", trials=2, **given)
    assert study.counts["trained"] == 2
    assert launch("fashion", trials=2, **given).counts == study.counts
    table = front(study)
    assert len(table) >= 1
    assert table["score"].is_monotonic_increasing
    module = study.best.load()
    assert not module.training
    assert sum(p.numel() for p in module.parameters()) == study.best.params
    part = digits.part("validation")
    images = (torch.from_numpy(np.array(part.images)) / 255 - digits.info.mean[0]) / digits.info.std[0]
    with torch.no_grad():
        accuracy = 100 * float((module(images).argmax(1).numpy() == part.labels).mean())
    assert accuracy == pytest.approx(study.best.record.curve[-1].val_accuracy, abs=1e-6)
    study.best.export("winner.py")
    assert (tmp_path / "winner.py").is_file()
    with pytest.raises(underbudget.UnderbudgetError, match="exists"):
        study.best.export("winner.py")
    with pytest.raises(underbudget.UserError, match="other settings"):
        launch("fashion", trials=2, **{**given, "budget": "params<4000"})
    assert underbudget.open_study("fashion").counts == study.counts
    assert study.outcome == "2 trials are done"
    inside = launch("inside", trials=1, engine="in-process", **{**given, "workers": None})
    assert inside.counts["trained"] == 1


def test_the_dashboard_shows_the_study(folder: Path, digits: Dataset) -> None:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [*COMMAND, "dashboard", "first", "--port", str(port)],
        cwd=folder,
        env=environment(digits),
        stdout=subprocess.PIPE,
    )
    try:
        url = f"http://127.0.0.1:{port}/api/studies"
        deadline = time.monotonic() + 60
        studies = None
        while studies is None and time.monotonic() < deadline:
            try:
                studies = json.load(urllib.request.urlopen(url))
            except OSError:
                time.sleep(0.3)
        assert studies is not None
        (study,) = studies["study_summaries"]
        assert study["study_name"] == "first"
        detail = json.load(urllib.request.urlopen(f"{url}/{study['study_id']}"))
        assert detail["objective_names"] == ["params", "accuracy"]
        stock = optuna.load_study(study_name="first", storage=f"sqlite:///{folder / 'runs' / 'first' / 'study.db'}")
        best = {trial.number for trial in stock.best_trials}
        assert {trial["number"] for trial in detail["best_trials"]} == best
        assert all(any(attribute["key"] == "layers" for attribute in t["user_attrs"]) for t in detail["trials"])
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()
