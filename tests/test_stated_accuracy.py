"""Exports of a really trained study: its weights, its samples and its record must belong together."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from faults import NAME, SMALL, request

from underbudget.models.errors import UnderbudgetError
from underbudget.reports.reading import read_study
from underbudget.search.commands.main import run
from underbudget.search.data.store import Dataset
from underbudget.search.results import exporting
from underbudget.search.results.stated_accuracy import check_accuracy
from underbudget.search.session import resolving, running
from underbudget.search.study.location import StudyLocation


@pytest.fixture(scope="module")
def made(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with a study of one trial, trained in this process."""
    runs = tmp_path_factory.mktemp("runs")
    search(runs, digits)
    return runs


@pytest.fixture
def trained(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a copy of that study."""
    monkeypatch.setattr("underbudget.search.data.sources.cache_folder", lambda: tmp_path / "cache")
    return shutil.copytree(made / NAME, tmp_path / NAME)


def search(runs: Path, digits: Dataset) -> None:
    asked = request(runs, digits, 1, epochs=3, engine="in-process", space={**SMALL, "width": [8, 16]}, lr=0.1)
    assert running.run(resolving.prepare(asked, lambda line: None)).reached


def change(folder: Path, old: str, new: str) -> None:
    """Replace a text in the study's settings."""
    with closing(sqlite3.connect(folder / "study.db")) as base, base:
        done = base.execute(
            "UPDATE study_user_attributes SET value_json = replace(value_json, ?, ?) WHERE value_json LIKE ?",
            (old, new, f"%{old}%"),
        )
        assert done.rowcount == 1


def export(folder: Path, data_dir: Path, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and what was said by `underbudget export`."""
    output = folder / "winner.py"
    words = ["--output", str(output), "--runs", str(folder.parent), "--data-dir", str(data_dir)]
    capfd.readouterr()
    code = run(["export", NAME, *words])
    assert output.exists() == (code == 0)
    output.unlink(missing_ok=True)
    return code, "".join(capfd.readouterr())


DAMAGES: list[Callable[[Path], object]] = [
    lambda file: file.write_bytes(file.read_bytes()[:500]),
    lambda file: file.write_text(file.read_text().replace('"shape": [64, 1, 28, 28]', '"shape": [1, 1, 28, 28]')),
    lambda file: file.write_text("[" * 5000),
    lambda file: file.unlink(),
]


def test_damaged_samples_are_taken_from_the_data_set_or_written_again(
    trained: Path, digits: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file, data = trained / "models" / "samples.json", digits.folder.parents[1]
    whole = file.read_bytes()
    for damage in DAMAGES:
        file.write_bytes(whole)
        damage(file)
        code, said = export(trained, tmp_path / "empty", capfd)
        assert code == 2
        assert "name its folder by --data-dir, or launch the study once more" in said
    code, said = export(trained, data, capfd)
    assert code == 0, said
    assert "logits of 256 validation images equal bit for bit" in said
    file.write_text("{}")
    search(tmp_path, digits)
    assert file.read_bytes() == whole


def test_a_network_that_does_not_predict_as_its_record_states_is_not_exported(
    trained: Path, digits: Dataset, capfd: pytest.CaptureFixture[str]
) -> None:
    change(trained, f'"std": [{digits.info.std[0]}]', '"std": [0.02]')
    change(trained, f'"mean": [{digits.info.mean[0]}]', '"mean": [0.9]')
    code, said = export(trained, digits.folder.parents[1], capfd)
    assert code == 1
    assert "accuracy on 270 validation images, its record states" in said


def test_the_accuracy_is_that_of_the_last_epoch(trained: Path, digits: Dataset) -> None:
    """A few images may be other arithmetic, three points are not."""
    study = read_study(f"sqlite:///{trained / 'study.db'}", NAME)
    where = StudyLocation(NAME, trained)
    bundle, _ = exporting.of_trial(where, study, study.trials[0], digits.folder.parents[1])
    stated = study.trials[0].curve[-1].val_accuracy
    assert bundle.validation is not None
    assert len(bundle.validation[1]) == 270
    for points in (-0.9, 0.9):
        object.__setattr__(bundle, "metadata", {**bundle.metadata, "last_epoch_val_accuracy": stated + points})
        check_accuracy(bundle)
    object.__setattr__(bundle, "metadata", {**bundle.metadata, "last_epoch_val_accuracy": stated - 3})
    with pytest.raises(UnderbudgetError, match=f"the network has {stated:.2f} % accuracy on 270 validation images"):
        check_accuracy(bundle)
