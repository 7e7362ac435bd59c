"""`underbudget demo`: from digits, or a folder of a user's own pictures, to a report and files that work alone."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from underbudget.search.commands import demo
from underbudget.search.commands.main import run


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "TRIALS", 2)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three digits as colour pictures in class folders."""
    digits = load_digits()
    for number, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        if label < 3 and number < 800:
            folder = tmp_path / "pictures" / ("none", "one", "two")[label]
            folder.mkdir(parents=True, exist_ok=True)
            pixels = np.kron(image * 15, np.ones((2, 2))).astype(np.uint8)
            Image.fromarray(np.stack([pixels, pixels // 2, 255 - pixels], 2)).save(folder / f"{number}.png")
    return tmp_path / "pictures"


@pytest.mark.usefixtures("short")
def test_a_folder_becomes_a_report_and_files_in_three_languages(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["demo", "--dataset", str(pictures), "--runs", str(tmp_path / "runs"), "--data-dir", str(tmp_path)]
    assert run(arguments) == 0
    said = capsys.readouterr().out
    folder = tmp_path / "runs" / "demo-pictures"
    assert (folder / "report" / "index.html").exists()
    assert (folder / "models" / "winner.onnx").stat().st_size > 1_000
    sources = [*(folder / "models" / "winner-c" / "float32").glob("*.c")]
    assert sources
    for source in sources:
        command = ["gcc", "-std=c99", "-c", "-o", str(tmp_path / "winner.o"), str(source)]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert "predictions equal" in said
    assert "(the picture shows a " in said
    assert "with natural augmentation" in said
    assert demo._session(str(pictures), str(tmp_path / "runs"), str(tmp_path)).resumes  # the same command goes on


@pytest.mark.usefixtures("short")
def test_many_images_are_seen_fewer_times(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "MANY_IMAGES", 100)
    session = demo._session(str(pictures), str(tmp_path / "runs"), str(tmp_path))
    assert session.settings.epochs == demo.FEW_EPOCHS
    assert session.location.name == "demo-pictures"


def test_a_path_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--dataset", str(tmp_path / "none"), "--runs", str(tmp_path)]) == 2
    assert "there is no such file or folder" in capsys.readouterr().err
