"""Networks for sound: their front end as a file states it, and the recordings that exports are verified with, real ones
where they are at hand, else a made one."""

import contextlib
import math
import tempfile
import wave
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from underbudget.models.export.contents import Export


def front_end_of(export: Export) -> str:
    """The module of models.export that reads what the network takes: picture, sound or window."""
    kind = None if export.frontend is None else export.frontend["kind"]
    return {"sound": "sound", "signal": "window"}.get(str(kind), "picture")


def is_of_sound(export: Export) -> bool:
    """Whether the network takes spectrograms."""
    return export.frontend is not None and export.frontend["kind"] == "sound"


def frames_of(frontend: Mapping[str, Any]) -> int:
    """How many frames the image of a recording has: its width."""
    return 1 + int(frontend["samples"] - frontend["window"]) // int(frontend["hop"])


def check_frontend(frontend: Mapping[str, Any], shape: Sequence[int]) -> None:
    """Raises ValueError for what is no front end for sound (models.export.sound) or makes no images of `shape`,
    KeyError or TypeError for what lacks a field or has one of another type."""
    least = {"sample_rate": 1000, "samples": 1, "window": 2, "hop": 1, "fft": 2, "mels": 1, "bands": 1, "lifter": 0}
    most = {"sample_rate": 768_000, "samples": 10**8, "fft": 2**16, "mels": 1024}
    for name, value in least.items():
        if type(frontend[name]) is not int or not value <= frontend[name] <= most.get(name, 10**8):
            raise ValueError(f"{name} is {frontend[name]!r}"[:80])
    rate, samples, window, fft = (frontend[key] for key in ("sample_rate", "samples", "window", "fft"))
    frames = frames_of(frontend)
    numbers = [frontend[key] for key in ("lowest", "highest", "floor")] + [*frontend["offset"], *frontend["scale"]]
    if not (
        list(shape) == [1, frontend["bands"], frames]
        and window <= min(fft, samples)
        and fft & (fft - 1) == 0
        and frontend["bands"] <= frontend["mels"]
        and frontend["features"] in ("log-mel", "mfcc")
        and len(numbers) == 5
        and all(math.isfinite(number) and abs(number) < 1e9 for number in numbers)
        and 0 <= frontend["lowest"] < frontend["highest"] <= rate / 2
        and min(frontend["floor"], *frontend["scale"]) > 0
    ):
        raise ValueError("the front end makes no images of this network")


def check_signal(frontend: Mapping[str, Any], shape: Sequence[int]) -> None:
    """Raises ValueError for what is no front end of a sensor's windows (models.export.window) of `shape`, KeyError or
    TypeError for what lacks a field or has one of another type."""
    names, channels = frontend.get("channels"), shape[0]
    if names is not None and (len(names) != channels or not all(isinstance(name, str) for name in names)):
        raise ValueError(f"channels are {names!r}"[:80])
    if "offset" in frontend or "scale" in frontend:
        offset, scale = frontend["offset"], frontend["scale"]
        if (
            not len(offset) == len(scale) == channels
            or not all(map(math.isfinite, (*offset, *scale)))
            or min(scale) <= 0
        ):
            raise ValueError(f"offset and scale are {offset!r} and {scale!r}"[:80])


@contextlib.contextmanager
def recordings(export: Export) -> Iterator[Sequence[Path]]:
    """WAV files to verify with, none for a network that takes something else."""
    if not is_of_sound(export) or export.recordings:
        yield export.recordings
        return
    frontend: Mapping[str, Any] = export.frontend or {}
    rate, count = frontend["sample_rate"], frontend["samples"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "made.wav"
        with wave.open(str(file), "wb") as target:
            target.setparams((1, 2, rate, 0, "NONE", ""))
            target.writeframes(b"".join(value.to_bytes(2, "little", signed=True) for value in made(count)))
        yield [file]


def made(count: int) -> list[int]:
    """A recording of `count` samples, 16 bits: a triangle wave of rising pitch and noise, both fading by 42 dB.

    By whole numbers alone, so that the test program in C makes the same (templates/main.c).
    """
    state, phase, samples = 1, 0, []
    for index in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        phase = (phase + 2**22 + index * (2**30 // count)) % 2**32
        value = abs((phase >> 16) - 32768) - 16384 + (state >> 20) - 2048
        loudness = 2 ** (index * 8 // count)
        samples.append(value // loudness if value >= 0 else -(-value // loudness))
    return samples


def image_of(file: Path, export: Export) -> bytes:
    """The image that the search makes of a recording, a byte per value."""
    from underbudget.models.export.sound import fit, read

    content: bytes = fit(read(file), dict(export.frontend or {}))[0].byte().numpy().tobytes()
    return content
