"""The notebook that trains a network anew: executed by Jupyter on a tiny MNIST, its recipes by plain Python."""

import ast
import contextlib
import dataclasses
import gzip
import io
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exports import export_of, metadata
from sklearn.datasets import load_digits

from underbudget.models.errors import UserError
from underbudget.models.export.notebook import write
from underbudget.models.export.verify import write_verified
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.models.references import CLASSES, INPUT_SHAPE, REFERENCES
from underbudget.search.training.built_in_recipes import AUGMENTATIONS, RECIPES
from underbudget.search.training.recipe import Augmentation, Erasing, Recipe
from underbudget.search.training.recipe_json import to_json
from underbudget.search.training.schedule import SCHEDULES, Cosine

TINY = plan(parse("conv3x3(4,s2) relu bn drop0.1 | conv3x3(6,s2) relu bn | gap | conv1x1(10)"), INPUT_SHAPE, 10)
MORE = [
    Recipe("cosine-adamw-ema", optimizer="adamw", lr=0.01, schedule=Cosine(last=0.1), label_smoothing=0.1, ema=0.9),
    Recipe("erasing", nesterov=True, augmentation=Augmentation(erasing=Erasing())),
    *(Recipe(name, augmentation=AUGMENTATIONS[name]) for name in ("natural", "sound", "signal")),
]


def short(recipe: Recipe) -> dict[str, Any]:
    """The recipe for two epochs of a few steps."""
    return to_json(dataclasses.replace(recipe, epochs=2, batch_size=16))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny MNIST in `data`, as torchvision keeps it: 120 training and 40 test images."""
    digits = load_digits()
    images = np.zeros((160, 28, 28), np.uint8)
    images[:, 2:26, 2:26] = np.kron(digits.images[:160] * 15, np.ones((1, 3, 3)))
    raw = tmp_path_factory.mktemp("notebook") / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, part in (("train", slice(0, 120)), ("t10k", slice(120, 160))):
        pictures, labels = images[part], digits.target[part].astype(np.uint8)
        (raw / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, *pictures.shape) + pictures.tobytes())
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, len(labels)) + labels.tobytes())
        for kind in ("images-idx3", "labels-idx1"):
            (raw / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(b""))
    return raw.parents[2]


def notebook(path: Path, **changes: Any) -> list[dict[str, Any]]:
    """The cells of a notebook that was written, unverified."""
    write(export_of(**{"placed": TINY, "recipe": short(RECIPES["plain"]), **changes}), path, "winner")
    cells: list[dict[str, Any]] = json.loads(path.read_text("ascii"))["cells"]
    return cells


def test_jupyter_runs_it(folder: Path) -> None:
    placed = plan(REFERENCES["tharun-m6"].architecture, INPUT_SHAPE, CLASSES)
    recipe = short(RECIPES["warp10-onecycle"])
    done = write_verified(export_of(placed, recipe=recipe), folder / "winner.ipynb", format="ipynb")
    assert done.said == (
        "its network, given the trained weights: stored tensors equal, logits of 3 validation images equal bit for bit"
    )
    program = (
        "import nbformat, nbclient\n"
        "notebook = nbformat.read('winner.ipynb', 4)\n"
        "nbformat.validate(notebook)\n"
        "nbclient.NotebookClient(notebook, timeout=600, kernel_name='python3').execute()\n"
        "nbformat.write(notebook, 'done.ipynb')\n"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    cells = json.loads((folder / "done.ipynb").read_text("utf-8"))["cells"]
    printed = "".join("".join(out.get("text", "")) for cell in cells for out in cell.get("outputs", ()))
    assert "100 training, 20 validation, 40 test images" in printed
    # As published: the receptive fields and the parameters of the network.
    rows = [line.split() for line in printed.splitlines() if " Conv2d " in line or "Pool2d " in line]
    fields = [row[4] for row in rows if row[1] != "AdaptiveAvgPool2d"]
    assert list(dict.fromkeys(fields)) == [f"{size}x{size}" for size in (3, 5, 6, 10, 14, 18, 22, 28)]
    assert "7,416 parameters" in printed
    log = [line.split() for line in printed.splitlines() if line.strip()[:2] in ("1 ", "2 ")]
    assert [int(line[0]) for line in log] == [1, 2]
    assert float(log[1][1]) == 4e-07  # the end of the cycle: 0.1 / 25 / 10,000
    assert "test: loss" in printed
    assert "% of 40 images" in printed


@pytest.mark.parametrize("recipe", [*RECIPES.values(), *MORE], ids=lambda recipe: recipe.name)
def test_every_recipe_trains(recipe: Recipe, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = notebook(folder / "recipe.ipynb", recipe=short(recipe))
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {"__name__": "notebook"}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for cell in cells:
            if cell["cell_type"] == "code":
                exec(compile(cell["source"], cell["id"], "exec"), names)
    assert len(names["history"]) == 2
    assert np.isfinite(names["history"]).all()
    assert "test: loss" in printed.getvalue()
    group = names["optimizer"].param_groups[0]
    assert type(names["optimizer"]).__name__.lower() == recipe.optimizer
    assert group["weight_decay"] == recipe.weight_decay
    changes = [type(step).__name__ for step in getattr(names["augment"], "transforms", ())]
    parts = recipe.augmentation
    expected = ["RandomAffine"] * len(parts.warps) + ["RandomPerspective"] * (parts.perspective is not None)
    expected += ["RandomHorizontalFlip"] * (parts.mirror > 0)
    expected += ["ColorJitter"] * (parts.jitter is not None) + ["RandomErasing"] * (parts.erasing is not None)
    expected += ["Bands"] * (parts.masks is not None)
    assert changes == expected
    shown = names["Images"](names["train_images"], names["train_labels"], names["augment"])[0][0]
    assert shown.shape == torch.Size(INPUT_SHAPE)


def test_every_schedule_is_tried() -> None:
    assert {recipe.schedule.kind for recipe in [*RECIPES.values(), *MORE]} == set(SCHEDULES)


@pytest.mark.parametrize(
    "dataset", ["mnist", "fashion-mnist", "cifar10", "svhn", "digits", "photos", "x\n'''\"\\", None]
)
def test_every_data_set_has_code(dataset: str | None, tmp_path: Path) -> None:
    data = {**metadata(), "dataset": dataset}
    code = [cell["source"] for cell in notebook(tmp_path / "a.ipynb", metadata=data) if cell["cell_type"] == "code"]
    for source in code:
        ast.parse(source)
    if dataset == "digits":
        names: dict[str, Any] = {}
        with contextlib.redirect_stdout(io.StringIO()):
            exec("\n".join(code[:2]), names)
        assert len(names["train_labels"]) + len(names["val_labels"]) + len(names["test_labels"]) == 1797
        assert names["train_images"].dtype == torch.uint8


def test_hostile_names_stay_names(tmp_path: Path) -> None:
    evil = ['"""\nraise SystemExit(7)\n', "\\'", "\u2028<script>", "`x`|y", *"abcdef"]
    cells = notebook(tmp_path / "a.ipynb", classes=tuple(evil), metadata={**metadata(), "study": evil[0]})
    names: dict[str, Any] = {}
    exec(cells[1]["source"], names)
    assert list(names["CLASSES"]) == evil
    for cell in cells:
        if cell["cell_type"] == "markdown":
            assert "<script" not in cell["source"]
            assert "raise SystemExit" not in cell["source"].splitlines()


def test_ruff_has_nothing_to_say(tmp_path: Path) -> None:
    notebook(tmp_path / "a.ipynb", recipe=short(RECIPES["warp20-onecycle20"]))
    for command in (["check"], ["format", "--check"]):
        arguments = [*command, "--isolated", "--no-cache", "--line-length=120", "a.ipynb"]
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="its recipe is not known"):
        notebook(tmp_path / "a.ipynb", recipe=None)
    for part in ({"mixup": 0.2}, {"augmentation": {"warps": [], "cutmix": {"probability": 1.0}}}):
        with pytest.raises(UserError, match=r"the notebook has no code for '(mixup|cutmix)'"):
            notebook(tmp_path / "a.ipynb", recipe={**short(RECIPES["plain"]), **part})
