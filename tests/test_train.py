"""`underbudget train` from the command line: real trainings in worker processes, its files, and mistakes."""

import csv
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import psutil
import pytest
import stub_runs
from PIL import Image

from underbudget.reports.runs import read_run
from underbudget.reports.training import FILES
from underbudget.search.commands.main import run
from underbudget.search.data.store import Dataset
from underbudget.search.experiments import test_set_accesses

LAYERS = "conv3x3(4,s2) relu bn | conv3x3(8,s2) relu bn drop0.05 | gap | linear(10)"


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


class Page(HTMLParser):
    """What a page would fetch, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.text = ""
        self._quiet = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._quiet = tag in ("script", "style")
        self.fetched += [value or "" for name, value in attributes if name == "src"]
        self.fetched += [value or "" for name, value in attributes if name == "href" and tag == "link"]

    def handle_endtag(self, tag: str) -> None:
        self._quiet = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._quiet else data


def test_a_training_writes_all_that_there_is_to_see(
    digits: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two seeds of two epochs by worker processes, under the published protocol."""
    folder = tmp_path / "out"
    before = test_set_accesses.total(digits.folder)
    command = ["train", LAYERS, "--dataset", "digits", "--data-dir", stub_runs.data_dir(digits), "--epochs", "2",
               "--protocol", "published", "--seeds", "2", "--target", "5", "--output", str(folder)]  # fmt: skip
    assert run(command) == 0
    said = capsys.readouterr().out
    assert test_set_accesses.total(digits.folder) == before + 4
    assert {path.name for path in folder.iterdir()} == {
        *FILES.values(), "seed-0.json", "seed-1.json", "seed-0.safetensors", "seed-1.safetensors"
    }  # fmt: skip

    for line in (
        r"Conv2d-1 +\[-1, 4, 13, 13\] +36",
        r"conv2 +3 +2 +0 +3 +7 +13 +6 +2 +4",
        r"train \+ validation +1528 x 1 x 28 x 28 +0 +1 +0\.1",
        r"device +cpu \(.+\), \d+ at a time",
        r"seed 1 epoch +2/2: train loss [\d.]+, accuracy [\d.]+ %; test loss [\d.]+, accuracy [\d.]+ %",
        r"best epoch, chosen on test: [\d.]+ %",
        r"reached: params<8000 \(438\)",
        r"target 5\.00: held in each of the last 2 epochs by 2 of 2 seeds",
    ):
        assert re.search(line, said), line

    runs = [read_run(folder / f"seed-{seed}.json") for seed in (0, 1)]
    histories = table(folder / "histories.csv")
    assert [float(row["test_accuracy"]) for row in histories] == [each.accuracy for one in runs for each in one.judged]
    assert [row["seed"] + row["epoch"] for row in histories] == ["01", "02", "11", "12"]
    counts = [[int(row[name]) for name in "0123456789"] for row in table(folder / "confusion.csv")]
    assert sum(map(sum, counts)) == 2 * 269
    right = sum(counts[label][label] for label in range(10))
    assert 100 * right / (2 * 269) == pytest.approx(sum(one.last for one in runs) / 2)
    assert len(table(folder / "misclassified.csv")) == 2 * 269 - right == sum(len(one.missed) for one in runs)
    for row, line in zip(table(folder / "classes.csv"), counts, strict=True):
        label = int(row["class"])
        assert float(row["recall"]) == pytest.approx(100 * line[label] / sum(line))
    for name in ("curves", "samples", "samples_augmented", "misclassified", "confusion"):
        with Image.open(folder / f"{name}.png") as picture:
            assert min(picture.size) > 200

    page = Page((folder / "index.html").read_text(encoding="utf-8"))
    assert page.fetched
    assert all(address.startswith("data:") for address in page.fetched)
    assert str(LAYERS) in page.text
    assert f"{len(runs[0].missed)} of 269 test images" in " ".join(page.text.split())
    assert page.text.count("\N{RIGHTWARDS ARROW}") == min(100, len(runs[0].missed))

    # The same command finds everything there: nothing is trained, nothing is read.
    assert run([*command, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["last"] == [one.last for one in runs]
    assert test_set_accesses.total(digits.folder) == before + 4


def test_confirm_says_what_it_watched(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stub_runs.instead_of_workers(monkeypatch)
    command = ["train", "saish-m4", "--dataset", "digits", "--data-dir", stub_runs.data_dir(digits), "--epochs", "2",
               "--protocol", "confirm", "--runs", str(tmp_path)]  # fmt: skip
    assert run(command) == 0
    said = capsys.readouterr().out
    assert "trained-on loss" in said
    assert "test-set accesses: 1" in said
    folder = tmp_path / "train" / "saish-m4-digits-warp10-onecycle-2e-confirm"
    assert set(table(folder / "histories.csv")[0]) >= {"test_accuracy", "watched_accuracy"}


def test_a_reference_comes_with_its_recipe_and_epochs(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = stub_runs.instead_of_workers(monkeypatch)
    where = ["--dataset", "digits", "--data-dir", stub_runs.data_dir(digits), "--json"]
    assert run(["train", "mkthoma-m1", *where, "--output", str(tmp_path / "a")]) == 0
    assert run(["train", "mkthoma-m1", *where, "--output", str(tmp_path / "b"), "--recipe", "rot7", "--lr", "0.5",
                "--weight-decay", "0.001", "--seed", "7"]) == 0  # fmt: skip
    recipes = [job.recipe for job in jobs]
    assert [(one["name"], one["epochs"], one["lr"], one["weight_decay"]) for one in recipes] == [
        ("plain", 20, 0.01, 0.0), ("rot7", 15, 0.5, 0.001)
    ]  # fmt: skip
    assert [job.seed for job in jobs] == [0, 7]
    results = capsys.readouterr().out
    assert '"seeds": [\n    7\n  ]' in results
    assert not (tmp_path / "a" / "samples_augmented.png").exists()  # plain has no augmentation


def test_an_interrupt_keeps_what_is_finished(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(job):  # type: ignore[no-untyped-def]
        if job.seed == 1:
            raise KeyboardInterrupt
        return stub_runs.detailed(job)

    stub_runs.instead_of_workers(monkeypatch, interrupted)
    command = ["train", LAYERS, "--dataset", "digits", "--data-dir", stub_runs.data_dir(digits), "--epochs", "1",
               "--seeds", "3", "--output", str(tmp_path / "out")]  # fmt: skip
    assert run(command) == 130
    assert "the same command goes on" in capsys.readouterr().err
    jobs = stub_runs.instead_of_workers(monkeypatch)
    assert run(command) == 0
    assert [job.seed for job in jobs] == [1, 2]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["saish-m5"], "did you mean saish-m4?"),
        (["saish-m4", "--recipe", "warp10-onecyle"], "unknown recipe 'warp10-onecyle': did you mean warp10-onecycle?"),
        (["saish-m4", "--lr", "-1"], "the learning rate must be over 0"),
        (["saish-m4", "--label-smoothing", "2"], "label_smoothing must be at least 0 and under 1"),
        (["saish-m4", "--epochs", "0"], "epochs must be at least 1, not 0"),
        (["saish-m4", "--batch-size", "1"], "the batch size must be at least 2"),
        (["saish-m4", "--protocol", "test"], "--protocol is search, confirm or published, not 'test'"),
        (["saish-m4", "--seeds", "0"], "--seeds is a whole number from 1 to 1000, not 0"),
        (["saish-m4", "--seed", "-1"], "--seed is a whole number from 0"),
        (["saish-m4", "--target", "0.99"], "did you mean 99?"),
        (["saish-m4", "--target", "99", "--last", "0"], "--last is a whole number of epochs"),
        (["saish-m4", "--dataset", "mnits"], "unknown data set 'mnits': did you mean mnist?"),
        (
            ["conv3x3(8) relu | gap | linear(7)"],
            "the network ends in 7 values (linear(7)), the data set has 10 classes",
        ),
        (["conv99x99(8) | gap"], "stage 1, conv99x99(8): it would shrink the 28x28 map below 1x1"),
        (["nowhere:3"], "no study 'nowhere'"),
        (["saish-m4", "--workers", "0"], "--workers is a whole number from 1 to 1024, not 0"),
    ],
)
def test_a_mistake_is_one_line(
    given: list[str], said: str, digits: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = [] if "--dataset" in given or "nowhere:3" in given else ["--dataset", "digits"]
    runs = tmp_path / "runs"
    assert run(["train", *given, *usual, "--data-dir", stub_runs.data_dir(digits), "--runs", str(runs)]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
    assert not runs.exists()


def test_other_conditions_in_the_folder_are_refused(
    digits: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stub_runs.instead_of_workers(monkeypatch)
    command = ["train", LAYERS, "--dataset", "digits", "--data-dir", stub_runs.data_dir(digits),
               "--output", str(tmp_path)]  # fmt: skip
    assert run([*command, "--epochs", "1"]) == 0
    before = (tmp_path / "seed-0.json").read_bytes()
    assert run([*command, "--epochs", "2"]) == 2
    assert "epochs: it has 1, you asked for 2" in capsys.readouterr().err
    assert (tmp_path / "seed-0.json").read_bytes() == before
    assert run([*command, "--epochs", "2", "--seed", "1"]) == 2  # other seeds of other conditions do not mix in
    assert "seed-0.json is a run of other conditions (epochs: it has 1, you asked for 2" in capsys.readouterr().err
    assert not (tmp_path / "seed-1.json").exists()
    assert run([*command, "--epochs", "1", "--seed", "1"]) == 0


def test_a_terminated_training_notes_what_it_has_read(digits: Dataset, tmp_path: Path) -> None:
    """SIGTERM in the middle of a published run, in a process of its own: its workers end with it."""
    before = test_set_accesses.total(digits.folder)
    command = ["train", LAYERS, "--dataset", "digits", "--data-dir", stub_runs.data_dir(digits), "--epochs", "10000",
               "--protocol", "published", "--output", str(tmp_path / "out")]  # fmt: skip
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from underbudget.search.commands.main import run; sys.exit(run(sys.argv[1:]))",
            *command,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "epoch  3/" in line:
            break
    workers = psutil.Process(process.pid).children()
    assert workers
    process.terminate()
    _, error = process.communicate()
    assert process.returncode == 130, error
    assert "the same command goes on" in error
    assert test_set_accesses.total(digits.folder) >= before + 3
    assert not psutil.wait_procs(workers, timeout=30)[1]
    assert not (tmp_path / "out" / "seed-0.json").exists()
