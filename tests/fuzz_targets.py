"""Every parser and every kind of file that the program reads, as targets of mutated inputs (fuzzing.py)."""

import contextlib
import gzip
import hashlib
import io
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fuzzing import Target
from PIL import Image


def picture(mode: str, format: str) -> bytes:
    """A small picture file."""
    content = io.BytesIO()
    Image.effect_noise((9, 7), 60).convert(mode).save(content, format)
    return content.getvalue()


def targets(folder: Path) -> list[Target]:
    """Every parser and every kind of file; files are made in `folder`."""
    return [*_of_texts(), *_of_files(folder), *_of_studies(folder / "runs")]


def _of_texts() -> list[Target]:
    from underbudget.budget.limits import Budget
    from underbudget.models.language import parse
    from underbudget.models.plan import plan
    from underbudget.models.references import REFERENCES
    from underbudget.search.session.request import parse_batch_size, parse_duration

    texts = tuple(str(reference.architecture) for reference in list(REFERENCES.values())[:12])
    budgets = ("params<8000", "params<8000, macs<=1.5M", "params_bytes<=16KiB, peak_bytes<32KB")
    return [
        Target("layer text", texts, lambda text: plan(parse(text), (1, 28, 28), 10)),
        Target("budget", budgets, Budget.parse),
        Target("duration", ("2h", "1h30m", "45s", "45"), parse_duration),
        Target("batch size", ("auto", "128"), parse_batch_size),
    ]


def recording(width: int) -> bytes:
    """A WAV file of 100 samples of `width` bytes."""
    content = io.BytesIO()
    with wave.open(content, "wb") as writer:
        writer.setparams((1, width, 8000, 0, "NONE", ""))
        writer.writeframes(bytes(range(100)) * width)
    return content.getvalue()


def _of_files(folder: Path) -> list[Target]:
    from exports import export_of
    from stub_runs import a_run

    from underbudget.models.export import hub, sound
    from underbudget.models.export.picture import fit, read
    from underbudget.models.export.recordings import check_frontend
    from underbudget.models.language import parse
    from underbudget.models.plan import plan
    from underbudget.reports.misclassified import (
        FILE,
        MisclassifiedImage,
        MisclassifiedImages,
        read_misclassified,
        write_misclassified,
    )
    from underbudget.reports.runs import read_run, to_json
    from underbudget.search.commands.main import run
    from underbudget.search.data import pictures_worker
    from underbudget.search.data.idx import read_idx
    from underbudget.search.data.store import PARTS, Dataset, Part, open_dataset, verify, write_dataset
    from underbudget.search.results.trained_trials import SAMPLES_FILE, keep_samples, read_samples
    from underbudget.search.session.options import check
    from underbudget.search.session.request import read_config

    source = np.random.default_rng(0)
    parts = {
        name: Part(source.integers(0, 256, (6, 1, 8, 8), np.uint8), np.arange(6, dtype=np.int64) % 3) for name in PARTS
    }
    store = write_dataset(folder / "store", "toy", "Toy", ("a", "b", "c"), parts).folder
    study, exported = folder / "study", folder / "exported"
    (study / "models").mkdir(parents=True)
    keep_samples(open_dataset(store), study)
    hub.write(export_of(plan(parse("conv3x3(4) relu bn | gap | conv1x1(10)"), (1, 28, 28), 10)), exported, "toy")
    weights = (exported / hub.WEIGHTS).read_bytes()
    idx = b"\0\0\x08\x03" + b"".join(size.to_bytes(4, "big") for size in (2, 4, 4)) + bytes(32)
    config = (
        'dataset = "digits"\nbudget = ["params<8000"]\ntrials = 5\nlr = 0.1\ntune = "lr"\n[space]\nwidth = [4, 8]\n'
    )

    def file(name: str, content: Any, path: Path = folder) -> Path:
        """Write an input where its reader looks for it."""
        place = path / name
        place.parent.mkdir(exist_ok=True)
        data = content if isinstance(content, bytes) else None
        if data is None:
            text = content if isinstance(content, str) else json.dumps(content)
            data = text.encode("utf-8", "surrogatepass")
        place.write_bytes(data)
        return place

    def dataset(content: Any) -> None:
        file("dataset.json", content, store)
        opened = open_dataset(store)
        verify(opened)

    def model(content: Any) -> None:
        file(hub.CONFIG, content, exported)
        loaded = hub.load(exported)
        loaded.logits(fit(read(shown, loaded.input_shape[0]), loaded.input_shape, loaded.background)[0])

    def model_weights(content: bytes) -> None:
        file(hub.WEIGHTS, content, exported)
        file(hub.CONFIG, {**known, "model_sha256": hashlib.sha256(content).hexdigest()}, exported)
        try:
            hub.load(exported)
        finally:
            file(hub.WEIGHTS, weights, exported)
            file(hub.CONFIG, known, exported)

    def npy(content: bytes) -> None:
        file("train-images.npy", content, store)
        try:
            Dataset(opened.info, store).part("train")
        finally:
            file("train-images.npy", array, store)

    def own_picture(content: bytes) -> None:
        path = str(file("own.png", content))
        pictures_worker.look(path)
        pictures_worker.reader({"file": str(folder / "rows.npy")}, 0)(path)

    def predict(content: bytes) -> None:
        file(hub.CONFIG, known, exported)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            run(["--debug", "predict", str(exported), str(file("shown.img", content))])

    def kept_samples(content: Any) -> None:
        read_samples(file(SAMPLES_FILE, content, study).parents[1], (1, 8, 8))

    array, opened = (store / "train-images.npy").read_bytes(), open_dataset(store)
    np.lib.format.open_memmap(folder / "rows.npy", "w+", np.uint8, (1, 1, 8, 8)).flush()

    def front_end(value: Any) -> None:
        check_frontend(value, (1, 32, 61))
        sound.fit((torch.zeros(1000), 8000), value)

    shown = file("shown.png", picture("L", "PNG"))
    known = json.loads((exported / hub.CONFIG).read_text(encoding="utf-8"))
    header = json.loads((store / "dataset.json").read_text(encoding="utf-8"))
    samples = json.loads((study / SAMPLES_FILE).read_text(encoding="utf-8"))
    missed = tuple(MisclassifiedImage(index, 1, 2, 60.0, parts["test"].images[index]) for index in range(3))
    write_misclassified(study, MisclassifiedImages(0, "0" * 64, 3, missed))
    mistakes = json.loads((study / FILE).read_text(encoding="utf-8"))
    record = to_json(a_run((99.0, 99.2)))
    pictures = (
        ("L", "PNG"),
        ("RGB", "JPEG"),
        ("P", "GIF"),
        ("RGBA", "PNG"),
        ("1", "BMP"),
        ("L", "TIFF"),
        ("RGB", "WEBP"),
    )
    return [
        Target("configuration", (config,), lambda text: check(read_config(file("search.toml", text)))),
        Target("dataset.json", (header,), dataset),
        Target("config.json", (known,), model),
        Target("model.safetensors", (weights,), model_weights),
        Target("samples.json", (samples,), kept_samples),
        Target("mistakes.json", (mistakes,), lambda value: read_misclassified(file(FILE, value, study).parents[1])),
        Target("run", (record,), lambda value: read_run(file("seed-0.json", value))),
        Target("idx file", (gzip.compress(idx),), lambda data: read_idx(file("images.idx", data), 3)),
        Target("idx content", (idx,), lambda data: read_idx(file("images.idx", gzip.compress(data, 1)), 3)),
        Target("npy file", (array,), npy),
        Target(
            "picture",
            tuple(picture(mode, format) for mode, format in pictures),
            lambda data: fit(read(file("picture", data))),
            (OSError, ValueError),
        ),
        Target("a picture of a data set", tuple(picture(mode, format) for mode, format in pictures), own_picture),
        Target("predict", tuple(picture(mode, format) for mode, format in pictures), predict, share=0.2),
        Target(
            "recording",
            tuple(map(recording, (1, 2, 3, 4))),
            lambda data: sound.read(file("recording", data))[0].sum(),
            (OSError, ValueError),
        ),
        Target("front end", (dict(sound.FRONTEND),), front_end, (KeyError, TypeError, ValueError)),
    ]


def _of_studies(runs: Path) -> list[Target]:
    from foreign_studies import NAME, ForeignStudy

    from underbudget.reports.reading import read_study
    from underbudget.reports.writing import write_report
    from underbudget.search.commands.main import run

    study = ForeignStudy(runs)

    def status(content: Any) -> None:
        study.write(study.whole)
        study.write(content)
        with contextlib.redirect_stdout(io.StringIO()):
            run(["--debug", "status", NAME, "--runs", str(runs), "--target", "99"])

    def report(content: Any) -> None:
        study.write(study.whole)
        study.write(content)
        write_report(read_study(study.url, NAME), runs / "report", 99.0)

    inputs = ({"values": study.values()}, {"values": study.values()}, {"texts": study.texts()})
    return [
        Target("a study's attributes, status", inputs, status, share=0.2),
        Target("a study's attributes, report", inputs, report, share=0.1),
    ]
