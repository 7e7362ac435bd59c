"""`underbudget evaluate`: an exported network of any format on the test part of a data set."""

from pathlib import Path
from typing import Annotated

import typer

from underbudget.models.errors import UserError
from underbudget.search.commands.options import DataDir, Json
from underbudget.search.commands.terminal import print_json, say


def evaluate(
    file: Annotated[
        Path, typer.Argument(help="A file or folder that underbudget export wrote. A py, pt2 or c file can run code.")
    ],
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", help="The data set whose test part is used.", show_default="the network's own"),
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Measure the accuracy on the test part of a data set. Each access to the test labels is counted.

    Give only a py, pt2 or c file that you trust.
    """
    import torch
    from torch import Tensor

    from underbudget.models.export import formats
    from underbudget.models.metrics import METRICS
    from underbudget.reports.statistics import accuracy_interval
    from underbudget.search.commands.predict import load
    from underbudget.search.data import sources
    from underbudget.search.data.store import verify
    from underbudget.search.experiments import test_set_accesses
    from underbudget.search.training.evaluate import evaluate as measure
    from underbudget.search.training.evaluate import on_device

    kind = formats.of(file)
    model = load(file)
    folder = Path(data_dir) if data_dir else None
    data = None if dataset else sources.stored(str(model.metadata.get("data_checksum")), folder)
    dataset = dataset or str(model.metadata.get("dataset") or "mnist")
    if data is None:
        data = sources.prepare(sources.define(dataset, {}, folder), folder, log=lambda line: None)
    if (model.input_shape, len(model.classes)) != (data.info.input_shape, len(data.info.classes)):
        takes = f"{'x'.join(map(str, model.input_shape))} pictures of {len(model.classes)} classes"
        has = f"{'x'.join(map(str, data.info.input_shape))} of {len(data.info.classes)}"
        raise UserError(f"{file} takes {takes}, {dataset} has {has}: name its data set by --dataset")
    verify(data, ("test",))
    images, labels = on_device(data.part("test"), torch.device("cpu"))
    result = measure(model.logits, images, labels, Tensor.float, len(data.info.classes))
    scores = {name: result.score(name) for name in METRICS}
    count, accuracy = len(labels), scores["accuracy"]
    right = round(accuracy * count / 100)
    noted = test_set_accesses.note(data.folder, "evaluate", str(file), None, 1, 1)
    low, high = accuracy_interval(accuracy, count)
    times = test_set_accesses.total(data.folder)
    if as_json:
        about = {"file": str(file), "format": kind.name, "dataset": dataset, "data_checksum": data.info.checksum}
        found = {"images": count, "right": right, "low": low, "high": high, **scores}
        print_json({**about, **found, "readings": times, "noted": noted})
        return
    say(f"{file} on the test part of {dataset}: {accuracy:.2f} % ({low:.2f} .. {high:.2f}), {right:,} of {count:,}")
    say(f"balanced accuracy {scores['balanced_accuracy']:.2f} %, macro F1 {scores['f1_macro']:.2f} %")
    if noted:
        say(f"this was access {times} to these test labels")
    else:
        say(f"this access to the test labels could not be recorded, {times} are: {data.folder} cannot be written")
    if (trained := model.metadata.get("data_checksum")) != data.info.checksum and trained is not None:
        say(f"the network was trained on other data ({model.metadata.get('dataset')}, checksum {str(trained)[:12]})")
