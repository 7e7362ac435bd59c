"""Exports of networks for sound: raw recordings in, the same logits out as of the images that the search makes."""

import json
import subprocess
import sys
import wave
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exports import export_of, run

from underbudget import launch
from underbudget.models.compiler import c_compiler
from underbudget.models.errors import UnavailableError, UnderbudgetError
from underbudget.models.export import formats, sound
from underbudget.models.export.c import compiling
from underbudget.models.export.c import sound as tables
from underbudget.models.export.c.format import write
from underbudget.models.export.c.literals import floats
from underbudget.models.export.c.sound import images_of, sixteen_bits
from underbudget.models.export.c.sound import run as run_sound
from underbudget.models.export.contents import Export, logits
from underbudget.models.export.python import source
from underbudget.models.export.recordings import check_frontend, made, recordings
from underbudget.models.export.verify import write_verified
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.search.data import sounds
from underbudget.search.results import exporting

Samples = np.ndarray[tuple[int, ...], np.dtype[np.int16]]
NETWORK = "conv3x3(4,s2) relu bn | conv3x3(6) bn relu | gap | linear(3)"


def front_end(features: str = "log-mel", **options: object) -> dict[str, Any]:
    chosen = sounds.choose([(8000, 0.4)], {"features": features, **options})
    return (
        {**chosen, "offset": [-16.5], "scale": [15.25]}
        if features == "log-mel"
        else ({**chosen, "offset": [-80.0], "scale": [120.0]})
    )


def export_for(frontend: Mapping[str, Any], **changes: Any) -> Export:
    frames = 1 + (frontend["samples"] - frontend["window"]) // frontend["hop"]
    return export_of(plan(parse(NETWORK), (1, frontend["bands"], frames), 3), frontend=frontend, **changes)


def write_wav(path: Path, samples: Samples, rate: int = 8000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Chirps and noise of several lengths, loudnesses and rates."""
    random = np.random.default_rng(0)
    found = []
    for number, (seconds, rate, loudness) in enumerate(
        [(0.4, 8000, 30000), (0.25, 8000, 300), (0.9, 8000, 3000), (0.4, 11025, 9000), (0.3, 16000, 30)]
    ):
        time = np.arange(int(seconds * rate)) / rate
        chirp = np.sin(2 * np.pi * (200 + 1500 * time) * time) + 0.1 * random.standard_normal(len(time))
        found.append(write_wav(tmp_path / f"{number}.wav", (loudness * chirp / 1.5).astype(np.int16), rate))
    return found


@pytest.mark.parametrize("features", ["log-mel", "mfcc"])
def test_the_python_file_takes_recordings(features: str, files: list[Path], tmp_path: Path) -> None:
    export = export_for(front_end(features), recordings=files)
    done = write_verified(export, tmp_path / "winner.py")
    assert done.lines[-1] == "its images of 5 recordings are those of the search"
    names = run((tmp_path / "winner.py").read_text())
    for file in files:
        image, _ = sound.fit(sound.read(file), dict(export.frontend or {}))
        assert image.unique().numel() > 20  # neither black nor white
        wanted = logits(export, image.byte())[0].softmax(0)
        assert names.predict(file) == [
            (export.classes[label], pytest.approx(float(wanted[label]), abs=1e-6))
            for label in wanted.argsort(descending=True)
        ]
    samples, rate = sound.read(files[3])
    assert names.predict((samples, rate)) == names.predict(str(files[3]))


def test_the_python_file_says_what_it_did(files: list[Path], tmp_path: Path) -> None:
    text = source(export_for(front_end()))
    (tmp_path / "winner.py").write_text(text)
    assert "PIL" not in text
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no recording")
    command = [sys.executable, "winner.py", str(files[0]), str(files[3]), str(bad)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    first, second = done.stdout.splitlines()
    assert done.returncode == 1
    assert "0.wav: " in first
    assert "[resampled from 11025 to 8000 Hz" in second
    assert done.stderr.strip().endswith("bad.wav: is no WAV file")


def test_the_text_is_clean(tmp_path: Path) -> None:
    (tmp_path / "winner.py").write_text(source(export_for(front_end())))
    for command in (
        ["ruff", "check", "--isolated", "--select", "E,F,W,I,UP,B", "--line-length", "120"],
        ["ruff", "format", "--isolated", "--check", "--line-length", "120"],
        ["mypy", "--strict", "--config-file", ""],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command, "winner.py"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_another_front_end_is_noticed(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose front end differs from the search's is not written."""
    export = export_for(front_end(), recordings=files)
    from underbudget.models.export import python

    original = python._copied
    monkeypatch.setattr(
        python, "_copied", lambda module: original(module).replace("10 ** (mels / 2595)", "10 ** (mels / 2590)")
    )
    with pytest.raises(UnderbudgetError, match="another image of a recording"):
        write_verified(export, tmp_path / "winner.py")
    assert not (tmp_path / "winner.py").exists()


def test_without_recordings_a_made_one_is_taken() -> None:
    with recordings(export_for(front_end())) as found:
        (file,) = found
        samples, rate = sound.read(file)
    assert rate == 8000
    assert (samples * 32768).tolist() == made(len(samples))
    assert max(made(len(samples))) > 16000


@pytest.mark.parametrize("format", ["safetensors", "pt2", "onnx"])
def test_other_formats_state_the_front_end_and_predict_takes_recordings(
    format: str, files: list[Path], tmp_path: Path
) -> None:
    export = export_for(front_end())
    path = tmp_path / {"safetensors": "folder", "pt2": "winner.pt2", "onnx": "winner.onnx"}[format]
    write_verified(export, path, format=format)
    model = formats.find(format).load
    assert model is not None
    loaded = model(path)
    assert loaded.frontend == json.loads(json.dumps(export.frontend))
    image, steps = loaded.take(files[3])
    assert steps[0] == "resampled from 11025 to 8000 Hz"
    wanted = logits(export, image.byte())
    torch.testing.assert_close(loaded.logits(image), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"mels": 31},
        {"hop": 0},
        {"fft": 255},
        {"fft": 128},
        {"samples": 10**12},
        {"highest": 9000.0},
        {"scale": [0.0]},
        {"offset": []},
        {"features": "chroma"},
        {"window": "200"},
        {"floor": float("nan")},
    ],
    ids=str,
)
def test_a_front_end_that_a_file_made_up_is_refused(change: dict[str, Any]) -> None:
    frontend = front_end()
    shape = export_for(frontend).plan.input_shape
    check_frontend(frontend, shape)
    with pytest.raises(ValueError, match=r"front end|is "):
        check_frontend({**frontend, **change}, shape)


def test_no_notebook_for_sound(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="recordings"):
        write_verified(replace(export_for(front_end()), recipe={"name": "plain"}), tmp_path / "a.ipynb", format="ipynb")


@pytest.fixture
def compiler() -> None:
    if c_compiler() is None:
        pytest.skip("no C compiler")


def compiled(export: Export, folder: Path) -> tuple[Path, Path]:
    """The float32 source and its program."""
    write(export, folder, "word")
    compiling.compiled(folder / "float32", "word", folder / "program")
    return folder / "float32" / "word.c", folder / "program"


@pytest.mark.usefixtures("compiler")
@pytest.mark.parametrize("options", [{}, {"features": "mfcc"}, {"mels": 64, "sample_rate": 16000}], ids=str)
def test_c_takes_recordings(options: dict[str, Any], files: list[Path], tmp_path: Path) -> None:
    """Images within one step of 255 of those of the search, of every length and loudness; most are equal."""
    frontend = front_end(**options)
    export = export_for(frontend)
    _, program = compiled(export, tmp_path / "c")
    assert compiling.selftest(program).startswith("selftest passed: the picture of a recording differs by at most ")
    recordings = [sixteen_bits(file, frontend) for file in files]
    recordings += [recordings[0][:0], recordings[0][:1], np.array([32767, -32768] * 8000, np.int16)]
    wanted = images_of(recordings, frontend)
    predictions, stored, images = run_sound(program, recordings, export.plan.input_shape)
    off = np.abs(images.astype(int) - wanted)
    assert off.max() <= 1
    assert (off > 0).mean() < 0.01
    expected = logits(export, torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(stored, expected, rtol=1e-4, atol=1e-4)
    assert (predictions == stored.argmax(1)).all()


@pytest.mark.usefixtures("compiler")
def test_the_fourier_transform_in_c_is_numpys(files: list[Path], tmp_path: Path) -> None:
    frontend = front_end()
    text, _ = compiled(export_for(frontend), tmp_path / "c")
    values = np.random.default_rng(0).standard_normal(256).astype(np.float32)
    main = (
        text.read_text()
        + """
#include <stdio.h>
int main(void)
{
    if (fread(spectrum, sizeof spectrum, 1, stdin) != 1) {
        return 1;
    }
    transform(spectrum);
    powers(spectrum);
    for (int i = 1; i < 128; i++) {
        printf("%.9g ", (double)spectrum[2 * i]);
    }
    for (float x = 1e-12f; x < 1e12f; x *= 1.37f) {
        printf("%.9g %.9g ", (double)x, (double)logarithm(x));
    }
    return 0;
}
"""
    )
    (tmp_path / "c" / "float32" / "try.c").write_text(main)
    target = tmp_path / "try"
    compiler = [compiling.compiler(), "-std=c99", "-O1", str(tmp_path / "c" / "float32" / "try.c"), "-o", str(target)]
    subprocess.run(compiler, check=True)
    done = subprocess.run([target], input=values.tobytes(), capture_output=True, check=True)
    found = np.array(done.stdout.split(), np.float64)
    np.testing.assert_allclose(found[:127], np.abs(np.fft.rfft(values.astype(float)))[1:128] ** 2, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found[128::2], np.log(found[127::2]), rtol=2e-6, atol=1e-6)


@pytest.mark.usefixtures("compiler")
def test_c_is_verified_with_recordings(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = export_for(front_end()).plan.input_shape
    images = np.random.default_rng(0).integers(0, 256, (20, *shape), np.uint8)
    export = export_for(front_end(), recordings=files, calibration=images)
    done = write_verified(export, tmp_path / "c", format="c")
    assert [line for line in done.lines if "5 recordings" in line and "0 predictions differ" in line]
    header = (tmp_path / "c" / "int8" / "c.h").read_text()
    assert "#define C_SAMPLE_RATE 8000" in header
    assert f"#define C_SOUND_BYTES {4 * (256 + 32) + 32 * shape[2]}" in header
    monkeypatch.setattr(tables, "floats", lambda values: floats(np.asarray(values) * 1.05))
    with pytest.raises(UnderbudgetError, match=r"selftest FAILED|off by"):
        write_verified(export, tmp_path / "d", format="c")


def test_from_a_folder_to_a_file_that_hears(tmp_path: Path) -> None:
    """A study of recordings is exported and verified with them; the file predicts them as the study's network does."""
    for number in range(40):
        seconds = np.arange(2400) / 8000
        tone = 9000 * np.sin(2 * np.pi * (300 if number % 2 else 1500) * seconds + number)
        place = tmp_path / "set" / ("low" if number % 2 else "high")
        place.mkdir(parents=True, exist_ok=True)
        write_wav(place / f"{number}.wav", tone.astype(np.int16))
    places = {"runs": tmp_path / "runs", "data_dir": tmp_path / "data"}
    study = launch("tones", dataset=str(tmp_path / "set"), trials=1, epochs=1, seed=3, **places)
    record = study.read()
    bundle, _ = exporting.of_trial(study.location, record, record.trials[0], places["data_dir"])
    assert len(bundle.recordings) == 32  # of the 40
    done = write_verified(bundle, tmp_path / "tones.py")
    assert done.lines[-1] == "its images of 32 recordings are those of the search"
    predicted = run((tmp_path / "tones.py").read_text()).predict(tmp_path / "set" / "low" / "1.wav")
    assert {name for name, _ in predicted} == {"low", "high"}
