"""A network as a Jupyter notebook in plain PyTorch that trains it again with its recipe. It holds no weights.

The format is nbformat 4.5 (https://nbformat.readthedocs.io). Needs torch and torchvision to run; the test labels are
read once, at the end.
"""

import base64
import json
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from underbudget.models import weights
from underbudget.models.errors import UnavailableError
from underbudget.models.export import notebook_code, recipe_code
from underbudget.models.export.contents import Export, facts, module
from underbudget.models.export.formats import Verification
from underbudget.models.export.literal import literal, markdown, plain
from underbudget.models.export.network import network_class
from underbudget.models.export.recordings import front_end_of
from underbudget.models.export.verify import verified_by

CHECKED = "network"  # tag of the cells that the verification runs

DRIVER = """\
import safetensors.torch
with open(job["file"], encoding="utf-8") as file:
    cells = [cell for cell in json.load(file)["cells"] if cell["cell_type"] == "code"]
names = {"__name__": "notebook"}
for cell in cells:
    code = compile("".join(cell["source"]), "cell " + cell["id"], "exec")
    if "network" in cell["metadata"].get("tags", []):
        exec(code, names)
network = names["Network"]()
network.load_state_dict(safetensors.torch.load(base64.b64decode(job["weights"])))
answer_for(network.eval(), names["normalise"](torch_pictures().float() / 255))
"""


def write(export: Export, path: Path, name: str) -> None:
    """Write the file. Raises UnavailableError where the recipe is not known or has a part without code."""
    content = {
        "cells": cells(export, name),
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="ascii")


def cells(export: Export, name: str) -> list[dict[str, Any]]:
    """The cells of the notebook."""
    if export.recipe is None:
        raise UnavailableError("a notebook trains the network anew, its recipe is not known: export another format")
    if (front_end := front_end_of(export)) != "picture":
        takes = {"sound": "recordings", "window": "windows of a sensor"}[front_end]
        raise UnavailableError(f"a notebook trains on pictures, this network takes {takes}: export another format")
    recipe: Mapping[str, Any] = export.recipe
    recipe_code.check(recipe)
    plan, data = export.plan, str(export.metadata.get("dataset", ""))
    schedule, stepped = recipe_code.schedule(recipe)
    settings = notebook_code.SETTINGS.format(
        epochs=recipe["epochs"],
        batch=recipe["batch_size"] or 128,
        seed=int(seed) if isinstance(seed := export.metadata.get("seed"), int) else 0,
        classes=literal(tuple(export.classes), 0, 10),
        mean=literal(tuple(map(float, export.mean))),
        std=literal(tuple(map(float, export.std))),
        shape=plan.input_shape,
    )
    training = [
        "torch.manual_seed(SEED)",
        "network = Network().to(DEVICE)",
        *recipe_code.optimizer(recipe),
        *schedule,
        *recipe_code.average(recipe),
    ]
    loop = notebook_code.loop(float(recipe.get("label_smoothing", 0.0)), stepped, bool(recipe.get("ema")))
    parts = [
        _text(f"# {markdown(name)}", "", *_about(export)),
        _code(settings, CHECKED),
        _text("## Data", "", notebook_code.about_data(data)),
        _code(notebook_code.data(data)),
        _text("## Network", "", f"{export.parameters:,} parameters: {markdown(str(plan.architecture))}"),
        _code(network_class(plan), CHECKED),
        _text("## Summary", "", "What a receptive field is, and how it grows: Araujo, Norris and Sim, Distill, 2019."),
        _code(notebook_code.SUMMARY.format(parameters=export.parameters)),
        _text("## Recipe", "", f"{markdown(str(recipe['name']))}: what is done to an image, and how the weights move."),
        _code("\n".join([*recipe_code.augmentation(recipe), "", notebook_code.LOADERS])),
        _code("\n".join(training)),
        _text("## Training", "", "Validation images are held out of the training images; the test set is left alone."),
        _code(loop),
        _text("## Test", "", "The test labels are read once, here."),
        _code(notebook_code.TEST.format(evaluated="average" if recipe.get("ema") else "network")),
    ]
    return [{**cell, "id": f"cell-{number}"} for number, cell in enumerate(parts)]


def _about(export: Export) -> list[str]:
    """What is known of the trained network."""
    rows = [f"| {label} | {markdown(plain(text, 300))} |" for label, text in facts(export)]
    return [
        "Trains a network anew with the recipe that it was found with. The figures below are those of the network that "
        "was found; another seed, another split or another machine gives other ones.",
        "",
        "| | |",
        "|---|---|",
        *rows,
        "",
        "This notebook is free to use. It needs torch and torchvision.",
    ]


def _text(*lines: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": "\n".join(lines)}


def _code(code: str, *tags: str) -> dict[str, Any]:
    metadata = {"tags": list(tags)} if tags else {}
    return {"cell_type": "code", "execution_count": None, "metadata": metadata, "outputs": [], "source": code}


def verify(export: Export, draft: Path, path: Path) -> Verification:
    """The notebook's network, given the trained weights: logits equal bit for bit. Nothing is trained."""
    trained = base64.b64encode(weights.encode(module(export).state_dict())).decode()
    done = verified_by(DRIVER, export, draft, path, weights=trained)
    return replace(done, said=f"its network, given the trained weights: {done.said}")


def usage(path: Path, example: str = "picture.png") -> list[str]:
    return [f"jupyter lab {shlex.quote(str(path))}"]
