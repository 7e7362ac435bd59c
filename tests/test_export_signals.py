"""Exports of networks for signals: raw windows in, the images that the search made of them out."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exports import export_of

from underbudget.models.export import formats, window
from underbudget.models.export.contents import logits
from underbudget.models.export.python import source
from underbudget.models.export.recordings import check_signal
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.search.data import values

RAW = np.random.default_rng(0).normal(size=(40, 2, 30, 1)).astype(np.float32) * np.float32(3)
SCALE = values.scales(RAW)
FRONTEND: dict[str, Any] = {"kind": "signal", "channels": ["acc x", "b"], **SCALE}
IMAGES = values.to_bytes(RAW, SCALE)


def test_a_window_becomes_the_image_of_the_search() -> None:
    for raw, image in zip(RAW, IMAGES, strict=True):
        found, steps = window.fit(torch.from_numpy(raw[..., 0].T.copy()), FRONTEND, (2, 30, 1))
        np.testing.assert_array_equal(found[0].byte().numpy(), image)
        assert not steps
    found, _ = window.fit(torch.tensor([[1.0], [254.6]]), {"kind": "signal"}, (1, 2, 1))
    assert found.flatten().tolist() == [1, 255]


@pytest.mark.parametrize(
    "text",
    [
        "acc x,b\n1,2\n3,4\n",
        "\ufefft;b;acc x\n0;2;1\n1;4;3\n",
        "1\t2\n3\t4\n\n",
        '"b", "acc x", label\n2, 1, walk\n4, 3, walk\n',
    ],
)
def test_rows_are_read_by_the_names_of_their_columns(text: str, tmp_path: Path) -> None:
    (tmp_path / "window.csv").write_text(text, encoding="utf-8")
    assert window.read(tmp_path / "window.csv", FRONTEND).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("1,2\n3\n", "no rows of equally many"),
        ("acc x,c\n1,2\n", "there is no column b"),
        ("1,two\n", "could not convert"),
        ("1,2\n3,4\n", "a window has 30 rows of 2 values, not 2x2"),
        ("1,nan\n" * 30, "finite"),
    ],
)
def test_files_that_are_no_window(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "window.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        window.fit(window.read(tmp_path / "window.csv", FRONTEND), FRONTEND, (2, 30, 1))


def test_an_exported_file_takes_raw_windows(tmp_path: Path) -> None:
    placed = plan(parse("conv5x1(4,s2x1) relu bn | maxpool2x1 | conv3x1(6) bn relu | gap | linear(3)"), (2, 30, 1), 3)
    export = export_of(placed, frontend=FRONTEND, samples=IMAGES[:4])
    path = tmp_path / "winner.py"
    path.write_text(source(export), "ascii")
    wanted = logits(export, torch.from_numpy(IMAGES[:3])).argmax(1).tolist()
    for number, raw in enumerate(RAW[:3]):
        np.savetxt(tmp_path / f"{number}.csv", raw[..., 0].T, delimiter=",", header="acc x,b", comments="", fmt="%.9g")
    files = [str(tmp_path / f"{number}.csv") for number in range(3)]
    done = subprocess.run(
        [sys.executable, str(path), "--selftest", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    classes = [line.partition(": ")[2].split(" ")[0] for line in done.stdout.splitlines()[-3:]]
    assert classes == [export.classes[label] for label in wanted]
    model = formats.of(path).load
    assert model is not None
    pixels, _ = model(path).take(Path(files[0]))
    np.testing.assert_array_equal(pixels[0].byte().numpy(), IMAGES[0])
    checks = [["ruff", "check", "--isolated", "--no-cache", str(path)]]
    checks += [["ruff", "format", "--isolated", "--no-cache", "--line-length=120", "--check", str(path)]]
    for command in checks:
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "change",
    [
        {"channels": ["a"]},
        {"channels": [1, 2]},
        {"scale": [1.0, 0.0]},
        {"offset": [1.0]},
        {"offset": [1.0, float("nan")]},
    ],
)
def test_a_changed_front_end_is_refused(change: dict[str, Any]) -> None:
    check_signal(json.loads(json.dumps(FRONTEND)), (2, 30, 1))
    with pytest.raises(ValueError, match="are"):
        check_signal(FRONTEND | change, (2, 30, 1))
