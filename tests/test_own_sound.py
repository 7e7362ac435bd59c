"""Recordings as a data set: WAV files read, resampled, made images, against scipy and values worked out by hand."""

import os
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.fft import dct
from scipy.io import wavfile
from scipy.signal import resample_poly
from scipy.signal import spectrogram as scipy_spectrogram

from underbudget.models.errors import UserError
from underbudget.models.export import sound
from underbudget.search.data import sounds, sources, values
from underbudget.search.data.store import PARTS, Dataset

Samples = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def prepare(folder: Path, cache: Path, said: list[str] | None = None, **options: object) -> Dataset:
    log = (said if said is not None else []).append
    return sources.prepare(sources.define(str(folder), options), cache, log)


def write_wav(path: Path, samples: Samples, rate: int = 8000) -> None:
    """16-bit PCM by the standard library."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((samples * 32767).round().astype("<i2").tobytes())


def tone(frequency: float, seconds: float = 0.5, rate: int = 8000) -> Samples:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def noise(count: int, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, count)


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    """Low and high tones by three people, 12 each: LABEL_PERSON_NUMBER.wav."""
    for number in range(36):
        person = ("ann", "bob", "eve")[number % 3]
        for label, frequency in (("low", 300.0), ("high", 2000.0)):
            samples = tone(frequency + 5 * number, 0.3 + 0.005 * number)
            write_wav(tmp_path / "tones" / f"{label}_{person}_{number}.wav", samples)
    return tmp_path / "tones"


@pytest.mark.parametrize(
    ("values", "exact"),
    [
        (np.array([[0, 255], [128, 128], [255, 1]], np.uint8), 128),
        (np.array([[-32768, 0], [32767, 1], [5, 6]], np.int16), 32768),
        (np.array([[-(2**31), 0], [2**31 - 1, 1], [5, 6]], np.int32), 2**31),
        (np.array([[-1, 0], [0.25, 1], [0.5, 0.7]], np.float32), 1),
        (np.array([[-1, 0], [0.25, 1], [0.5, 0.7]], np.float64), 1),
    ],
    ids=lambda given: str(getattr(given, "dtype", "")),
)
def test_wav_files_are_read_as_scipy_writes_them(values: Samples, exact: float, tmp_path: Path) -> None:
    wavfile.write(tmp_path / "a.wav", 11025, values)
    samples, rate = sound.read(tmp_path / "a.wav")
    floats = values.astype(np.float64)
    expected = (floats - 128 if values.dtype == np.uint8 else floats) / exact
    assert rate == 11025
    np.testing.assert_allclose(samples.numpy(), expected.mean(1), rtol=0, atol=1e-15)


def test_24_bits_extensible_and_chunks_that_are_not_known(tmp_path: Path) -> None:
    wanted = np.array([0, 1, -1, 2**23 - 1, -(2**23), 1_000_000])
    body = b"".join(int(value).to_bytes(3, "little", signed=True) for value in wanted)
    head = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, 16000, 48000, 3, 24, 22, 24, 4, 1)
    head += bytes.fromhex("000000001000800000aa00389b71")  # the rest of the identifier of PCM
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    chunks = odd + b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(body)) + body
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    samples, rate = sound.read(tmp_path / "a.wav")
    assert rate == 16000
    assert (samples.numpy() * 2**23 == wanted).all()
    assert (wavfile.read(tmp_path / "a.wav")[1] / 2**31 == samples.numpy()).all()


def test_damaged_files_say_what_is_wrong(tmp_path: Path) -> None:
    write_wav(tmp_path / "whole.wav", tone(440))
    whole = (tmp_path / "whole.wav").read_bytes()
    adpcm = whole[:20] + struct.pack("<H", 2) + whole[22:]
    floats = np.array([0.5, np.nan], np.float32)
    wavfile.write(tmp_path / "nan.wav", 8000, floats)
    for content, words in (
        (b"", "no WAV file"),
        (b"MThd" + whole[4:], "no WAV file"),
        (whole[:30], "no samples|format is missing"),
        (whole[:44], "no samples|ends after"),
        (whole[:100], "ends after 56 of 8000 bytes"),
        (adpcm, "coding 2"),
        ((tmp_path / "nan.wav").read_bytes(), "no numbers"),
    ):
        (tmp_path / "bad.wav").write_bytes(content)
        with pytest.raises(ValueError, match=words):
            sound.read(tmp_path / "bad.wav")
    endless = whole[:40] + struct.pack("<I", 2**32 - 1) + whole[44:]  # as a pipe writes it
    (tmp_path / "pipe.wav").write_bytes(endless)
    assert len(sound.read(tmp_path / "pipe.wav")[0]) == 4000


@pytest.mark.parametrize("wanted", [4000, 6000, 7001, 16000, 44100])
def test_resampling_is_scipys(wanted: int) -> None:
    given = noise(3001)
    found = sound.resample(torch.from_numpy(given), 8000, wanted).numpy()
    np.testing.assert_allclose(found, resample_poly(given, wanted, 8000), rtol=0, atol=1e-12)


def test_cut_in_the_middle_and_padded_on_both_sides() -> None:
    assert sound.centred(torch.arange(10.0), 4).tolist() == [3, 4, 5, 6]
    assert sound.centred(torch.arange(1.0, 4.0), 6).tolist() == [0, 0, 1, 2, 3, 0]


def filters_by_hand(frontend: dict[str, float]) -> Samples:
    """Triangles from each corner to the next but one, in a loop."""
    mels = int(frontend["mels"])
    low, high = (2595 * np.log10(1 + frontend[end] / 700) for end in ("lowest", "highest"))
    corners = [700 * (10 ** ((low + (high - low) * k / (mels + 1)) / 2595) - 1) for k in range(mels + 2)]
    result = np.zeros((mels, int(frontend["fft"]) // 2 + 1))
    for row in range(mels):
        left, centre, right = corners[row : row + 3]
        for column in range(result.shape[1]):
            frequency = column * frontend["sample_rate"] / frontend["fft"]
            if left < frequency <= centre:
                result[row, column] = (frequency - left) / (centre - left)
            elif centre < frequency < right:
                result[row, column] = (right - frequency) / (right - centre)
    return result


@pytest.mark.parametrize("features", ["log-mel", "mfcc"])
@pytest.mark.parametrize(("rate", "mels"), [(8000, 32), (16000, 40), (44100, 20)])
def test_the_image_is_that_of_scipys_spectrogram(rate: int, mels: int, features: str) -> None:
    options = {"sample_rate": rate, "mels": mels, "features": features}
    frontend = sounds.choose([(rate, 0.8)] * 3, options)
    samples = noise(frontend["samples"])
    window, hop, fft = frontend["window"], frontend["hop"], frontend["fft"]
    # One-sided and scaled by the window's sum: twice the amplitude at all but both ends is |X| * 2 / sum(window).
    _, _, power = scipy_spectrogram(
        samples, rate, "hann", window, window - hop, fft, detrend=False, scaling="spectrum", mode="psd"
    )
    power[1:-1] *= 2
    power[[0, -1]] *= 4
    bands = np.log(filters_by_hand(frontend) @ power + 1e-8)
    if features == "mfcc":
        order = np.arange(13)[:, None]
        bands = dct(bands, axis=0, norm="ortho")[:13] * (1 + 11 * np.sin(np.pi * order / 22))
    found = sound.spectrogram(torch.from_numpy(samples), frontend)
    assert found.shape == (1, *bands.shape)
    np.testing.assert_allclose(found[0].numpy(), bands, rtol=1e-5, atol=1e-5)


def test_a_sine_of_full_scale_has_the_power_one_and_silence_the_floor() -> None:
    frontend = sounds.choose([(8000, 0.5)], {})
    sine = 2 * torch.from_numpy(tone(1000, 1)[: frontend["samples"]])
    assert sound.spectrogram(sine, frontend).max() == pytest.approx(0, abs=0.5)  # a filter adds up its bins
    assert sound.spectrogram(0 * sine, frontend).unique().tolist() == [pytest.approx(np.log(1e-8))]


@pytest.mark.parametrize("mels", [8, 32, 64, 128])
@pytest.mark.parametrize("rate", [4000, 8000, 16000, 48000])
def test_no_filter_is_without_a_bin(rate: int, mels: int) -> None:
    frontend = sounds.choose([(rate, 1.0)], {"mels": mels, "sample_rate": rate})
    assert frontend["fft"] & (frontend["fft"] - 1) == 0
    assert (sound.mel_filters(frontend).sum(1) > 0).all()


def test_lengths_and_rates_are_chosen_by_what_is_found() -> None:
    frontend = sounds.choose([(44100, 0.5)] * 95 + [(8000, 3.0)] * 5, {})
    assert frontend["sample_rate"] == 16000
    assert frontend["samples"] / 16000 == pytest.approx(0.5, abs=0.016)
    asked = sounds.choose([(44100, 0.5)], {"sample_rate": 4000, "seconds": 2.0, "mels": 24, "features": "mfcc"})
    assert (asked["sample_rate"], asked["hop"], asked["bands"]) == (4000, 64, 13)
    assert asked["samples"] / 4000 == pytest.approx(2, abs=0.016)


def test_a_store_holds_what_the_front_end_makes(tones: Path, tmp_path: Path) -> None:
    said: list[str] = []
    dataset = prepare(tones, tmp_path / "cache", said, label_pattern="^([a-z]+)_")
    info = dataset.info
    assert info.definition is not None
    assert (info.definition.kind, info.classes) == ("sound", ("high", "low"))
    assert info.frontend is not None
    assert info.input_shape[1] == 32
    files = sorted(tones.iterdir())
    known = {sound.fit(sound.read(file), info.frontend)[0].byte().numpy().tobytes(): file.name for file in files}
    for part in PARTS:
        stored = dataset.part(part)
        for image, label in zip(stored.images, stored.labels, strict=True):
            assert known.pop(image[None].tobytes()).startswith(info.classes[label])
    assert not known
    assert any("3 groups (ann, bob, eve)" in line for line in said)
    assert any("recordings of 0.30 to 0.47 s" in line for line in said)


def test_groups_stay_together(tones: Path, tmp_path: Path) -> None:
    dataset = prepare(tones, tmp_path / "cache", label_pattern="^([a-z]+)_", group=r"_(\w+)_")
    assert dataset.info.counts == {"train": 24, "validation": 24, "test": 24}


def test_class_folders_parts_and_other_rates(tmp_path: Path) -> None:
    for number in range(60):
        part, label = ("train", "val", "test")[number // 20], ("a", "b")[number % 2]
        rate = 22050 if number == 7 else 8000
        write_wav(tmp_path / "set" / part / label / "deep" / f"{number}.WAV", tone(200 + 9 * number, 0.4, rate), rate)
    (tmp_path / "set" / "train" / "a" / "notes.txt").write_text("no recording")
    said: list[str] = []
    dataset = prepare(tmp_path / "set", tmp_path / "cache", said)
    assert dataset.info.counts == {"train": 20, "validation": 20, "test": 20}
    assert any("1 recordings are resampled to 8000 Hz (from 22050)" in line for line in said)
    assert any("1 files that are not called" in line for line in said)


def test_damaged_recordings_are_named_or_left_out(tones: Path, tmp_path: Path) -> None:
    (tones / "low_ann_99.wav").write_bytes(b"RIFF....WAVE")
    options = {"label_pattern": "^([a-z]+)_"}
    with pytest.raises(UserError, match=r"1 of 73 recordings cannot be read \(.*low_ann_99.wav: is damaged"):
        prepare(tones, tmp_path / "cache", **options)
    dataset = prepare(tones, tmp_path / "cache", **options, skip_bad_images=True)
    assert sum(dataset.info.counts.values()) == 72


def test_mistakes_say_the_way_out(tones: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--label-pattern"):
        prepare(tones, tmp_path / "cache")
    with pytest.raises(UserError, match=r"does not match the name '(high|low)_\w+.wav'"):
        prepare(tones, tmp_path / "cache", label_pattern="^(x)")
    with pytest.raises(UserError, match="belongs to data of the kind sound"):
        sources.define(f"folder:{tones}", {"mels": 32})


def test_bytes_are_those_of_the_store() -> None:
    """The arithmetic of `fit` and of `values.to_bytes` is the same, halves included."""
    frontend = sounds.choose([(8000, 0.5)], {})
    samples = torch.from_numpy(noise(frontend["samples"]))
    image = sound.spectrogram(samples, frontend)[None]
    frontend |= values.scales(image.numpy())
    expected = values.to_bytes(image.numpy(), frontend)
    assert (sound.fit((samples, 8000), frontend)[0].numpy() == expected).all()


def test_spoken_digits(tmp_path: Path) -> None:
    """The real recordings: all 3,000 are read as scipy reads them."""
    given = os.environ.get("UNDERBUDGET_RECORDINGS")
    if not given:
        pytest.skip("real recordings: set UNDERBUDGET_RECORDINGS to the folder of the spoken digits' WAV files")
    dataset = prepare(Path(given), tmp_path, label_pattern=r"^(\d)_", group=r"_(\w+)_")
    assert dataset.info.classes == tuple("0123456789")
    assert sum(dataset.info.counts.values()) == 3000
    for file in sorted(Path(given).glob("*.wav"))[::100]:
        rate, expected = wavfile.read(file)
        samples, found = sound.read(file)
        assert rate == found
        assert (samples.numpy() * 32768 == expected).all()
