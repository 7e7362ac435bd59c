"""Networks in C on MNIST: does float32 predict what torch predicts, what does int8 lose, how long does a picture take?

    python benchmarks/c_networks.py --data-dir DIR                 every reference under 20,000 parameters
    python benchmarks/c_networks.py --data-dir DIR FOLDER ...      the runs in folders of `train`, `confirm` or `series`
    python benchmarks/c_networks.py --table                        what was measured, in Markdown

A reference is trained for one epoch on the 50,000 training images (warp10-onecycle, or its own recipe where that one
diverges; seed 0), so that its weights and statistics are those of a network that learns; a run has its own. Predictions
are compared on the 10,000 test images, whose labels are read for runs only (three readings each, noted in the ledger);
int8 of a reference on the 10,000 validation images. int8 is calibrated on 1,000 training images. Times are processor
time, by the test program of the export; with runs the best of three times 2,000 pictures.

Each result is appended to benchmarks/results/c-networks.jsonl; what is there is not measured again.
"""

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
import torch

from underbudget.budget.count import count
from underbudget.models.export.c import compiling
from underbudget.models.export.c import format as c_format
from underbudget.models.export.c.compiling import FLAGS
from underbudget.models.export.contents import Export, logits
from underbudget.models.plan import plan
from underbudget.models.references import REFERENCES
from underbudget.search.data.sources import prepare
from underbudget.search.data.store import Dataset, PartName
from underbudget.search.experiments import test_set_accesses
from underbudget.search.results import exporting
from underbudget.search.results.trained_trials import choose_samples
from underbudget.search.training import environment
from underbudget.search.training.backends import train
from underbudget.search.training.built_in_recipes import recipe
from underbudget.search.training.loop import TrainingDiverged, TrainingResult
from underbudget.search.training.run_length import resolve

RESULTS = Path(__file__).parent / "results" / "c-networks.jsonl"
MOST_PARAMS = 20_000
BATCH = 500  # pictures that torch computes at a time
TIMED, TURNS = 2_000, 3
ONE_EPOCH, RECIPE = "one epoch, seed 0", "warp10-onecycle"


def main() -> None:
    """Measure what is missing, then print the table."""
    parser = argparse.ArgumentParser(description="Compare networks in C with torch on MNIST.")
    parser.add_argument("folders", nargs="*", type=Path, help="folders with seed-*.json; none: the references")
    parser.add_argument("--data-dir", help="folder that holds MNIST")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--shard", default="0/1", help="I/N: every N-th network, from the I-th")
    parser.add_argument("--table", action="store_true", help="measure nothing, print the table")
    options = parser.parse_args()
    if not options.table:
        torch.set_num_threads(1)
        dataset = prepare("mnist", data_dir=options.data_dir)
        shard, shards = (int(part) for part in options.shard.split("/"))
        for name, weights, make in list(jobs(options.folders, dataset, options.data_dir))[shard::shards]:
            if (name, weights) not in {(row["network"], row["weights"]) for row in stored(options.results)}:
                row = {"network": name, "weights": weights, **measured(make(), dataset, bool(options.folders))}
                with options.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                print(f"{name}, {weights}: {row['float32']} {row['int8']} {row['accuracy']}", flush=True)
    print(table(stored(options.results)))


def stored(path: Path) -> list[dict[str, Any]]:
    """All results so far."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def jobs(folders: list[Path], dataset: Dataset, data_dir: str | None) -> Iterator[tuple[str, str, Any]]:
    """(name, what the weights are, how to make the export) of each network."""
    for folder in folders:
        for file in sorted(folder.glob("seed-*.json")):
            run = json.loads(file.read_text(encoding="utf-8"))
            weights = f"{run['protocol']}, {len(run['curve'])} epochs, seed {run['seed']}"
            yield run["name"] or run["id"], weights, lambda file=file: of_run(file, data_dir)
    for reference in REFERENCES.values() if not folders else ():
        placed = plan(reference.architecture, dataset.info.input_shape, len(dataset.info.classes))
        if sum(layer.params for layer in placed.layers) < MOST_PARAMS:
            yield (
                reference.name,
                ONE_EPOCH,
                lambda placed=placed, own=reference.recipe: of_one_epoch(placed, dataset, own),
            )


def of_run(file: Path, data_dir: str | None) -> Export:
    """The export of one run, as `underbudget export` gathers it."""
    run = json.loads(file.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as alone:  # a folder of several seeds exports the first
        for name in (file.name, run["weights_file"]):
            (Path(alone) / name).write_bytes((file.parent / name).read_bytes())
        return exporting.of_runs(Path(alone), None if data_dir is None else Path(data_dir))[0]


def of_one_epoch(placed: Any, dataset: Dataset, own: str) -> Export:
    """The export of a network after one epoch, of its own recipe where the usual one makes it diverge."""
    try:
        name, result = RECIPE, one_epoch(placed, dataset, RECIPE)
    except TrainingDiverged:
        name, result = own, one_epoch(placed, dataset, own)
    images, labels = choose_samples(dataset, 8)
    info = dataset.info
    known = {"protocol": "search", "recipe": name}
    bare = Export(placed, result.state, info.mean, info.std, info.classes, known, images, labels)
    return exporting.with_images(bare, dataset)


def one_epoch(placed: Any, dataset: Dataset, name: str) -> TrainingResult:
    conditions = resolve(recipe(name), images=dataset.info.counts["train"], epochs=1)
    *_, result = train(placed, conditions, 0, dataset)
    assert isinstance(result, TrainingResult)
    return result


def measured(export: Export, dataset: Dataset, of_runs: bool) -> dict[str, Any]:
    """Both precisions in C beside torch: predictions of float32 on the test images; of int8, and accuracies, on the
    validation images, or on the test images where the former were trained on."""
    part: PartName = "validation" if export.metadata["protocol"] == "search" else "test"
    tested, judged = np.asarray(dataset.images("test")), dataset.part(part)
    theirs = {"test": by_torch(export, tested)}
    if part != "test":
        theirs[part] = by_torch(export, np.asarray(judged.images))
    cost = count(export.plan)
    row: dict[str, Any] = {"params": cost.params, "macs": cost.macs, "recipe": export.metadata["recipe"]}
    accuracy = {
        "images": len(judged.labels),
        "part": part,
        "torch": percent(theirs[part].argmax(1), judged.labels),
    }
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "network"
        c_format.write(replace(export, options={"prefix": "network"}), exported, "network")
        for precision, on, pictures in (("float32", "test", tested), ("int8", part, np.asarray(judged.images))):
            program = compiled(exported / precision, "O3")
            compiling.selftest(program)
            found, values, time = compiling.run(program, pictures)
            differ = int((found != theirs[on].argmax(1)).sum())
            row[precision] = {"images": len(pictures), "part": on, "predictions_that_differ": differ}
            if precision == "float32":
                row[precision]["logits_differ_by"] = float(np.abs(values - theirs[on]).max())
                row[precision]["largest_logit"] = float(np.abs(theirs[on]).max())
            if on == part:
                accuracy[precision] = percent(found, judged.labels)
            row[precision]["ms_O3"] = milliseconds(time)
            if of_runs:
                row[precision] |= timed(exported / precision, tested[:TIMED])
    if part == "test":
        test_set_accesses.note(dataset.folder, "c_networks", str(export.metadata.get("name")), None, 3, 1)
    compiler = subprocess.run([compiling.compiler(), "--version"], capture_output=True, text=True, check=True).stdout
    return row | {
        "accuracy": accuracy,
        "compiler": compiler.splitlines()[0],
        "hardware": environment.processor(),
        "versions": environment.versions(),
        "data_checksum": dataset.info.checksum,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def by_torch(export: Export, pictures: Any) -> Any:
    """What torch says to uint8 pictures: logits (n, classes)."""
    batches = [pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH)]
    return np.concatenate([logits(export, torch.from_numpy(np.array(batch))).numpy() for batch in batches])


def compiled(folder: Path, level: str) -> Path:
    """The test program of a precision with an optimisation, O2 or O3; neither changes a bit of what C99 computes."""
    program = folder / f"network-{level}"
    flags = [flag for flag in FLAGS if flag != "-O2"]
    compiling.compiled(folder, "network", program, (compiling.compiler(), *flags, f"-{level}"))
    return program


def timed(folder: Path, pictures: Any) -> dict[str, float]:
    """Milliseconds per picture by optimisation, the best of several turns."""
    found = {}
    for level in ("O2", "O3"):
        program = compiled(folder, level)
        found[f"ms_{level}"] = min(milliseconds(compiling.run(program, pictures)[2]) for _ in range(TURNS))
    return found


def milliseconds(said: str) -> float:
    """Of "2000 pictures, 0.5600 ms each"."""
    return float(said.split()[-3])


def percent(predictions: Any, labels: Any) -> float:
    return 100 * float((predictions == labels).mean())


def table(rows: list[dict[str, Any]]) -> str:
    """A row per network, the smallest first, in the order of what their weights are."""
    lines = [
        "| network | weights | recipe | parameters | MACs | predictions of 10,000 | logits differ by | largest "
        "| accuracy torch | int8 lost | ms float32 | ms int8 |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: (row["weights"] == ONE_EPOCH, row["network"], row["weights"])):
        floats, whole, accuracy = row["float32"], row["int8"], row["accuracy"]
        same = floats["predictions_that_differ"]
        times = ["/".join(f"{part[key]:.2f}" for key in ("ms_O2", "ms_O3") if key in part) for part in (floats, whole)]
        cells = [row["network"], row["weights"], row["recipe"], f"{row['params']:,}", f"{row['macs']:,}"]
        cells += ["equal" if not same else f"{same} differ", f"{floats['logits_differ_by']:.1g}"]
        cells += [f"{floats['largest_logit']:.1f}", f"{accuracy['torch']:.2f} % ({accuracy['part']})"]
        lines.append("| " + " | ".join([*cells, f"{accuracy['torch'] - accuracy['int8']:+.2f}", *times]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
