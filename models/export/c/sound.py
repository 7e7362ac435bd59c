"""The front end for sound in C: its tables, and the check that a compiled program makes the search's images of real
recordings."""

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from underbudget.models.export.c import compiling
from underbudget.models.export.c.literals import floats

if TYPE_CHECKING:
    from torch import Tensor

MOST_OFF = 1  # steps of 255 that a value of an image may be off: float32 here, float64 in the search


@dataclass(frozen=True)
class Sound:
    """Numbers and literals of the template `sound.c`."""

    sample_rate: int
    samples: int
    window: int
    hop: int
    fft: int
    mels: int
    floor: str
    offset: str
    factor: str
    window_values: list[str]
    turns: list[str]  # cosine and sine of -2 pi k / fft, k < fft / 2
    bins: list[str]  # of each band the first frequency and the one behind the last
    weights: list[str]  # of all bands, one after the other
    cosines: list[str]  # of an MFCC
    bytes: int  # of static memory


def sound_of(frontend: Mapping[str, Any] | None, pixels: int) -> Sound | None:
    """The tables of a front end, None where it is for something else."""
    from underbudget.models.export.sound import cosines, hann, mel_filters

    if frontend is None or frontend["kind"] != "sound":
        return None
    filters = mel_filters(dict(frontend)).numpy()
    fft, mels = frontend["fft"], frontend["mels"]
    filters[:, [0, -1]] = 0  # both ends of the spectrum lie on a corner, but for rounding
    used = [np.flatnonzero(row > 1e-12) for row in filters]
    spans = [(int(found[0]), int(found[-1]) + 1) for found in used]
    angles = -2 * np.pi * np.arange(fft // 2) / fft
    one, scale, offset = (np.float32(value) for value in (255, frontend["scale"][0], frontend["offset"][0]))
    matrix = cosines(dict(frontend)).numpy() if frontend["features"] == "mfcc" else np.empty(0)
    return Sound(
        **{name: frontend[name] for name in ("sample_rate", "samples", "window", "hop", "fft", "mels")},
        floor=floats(np.array([frontend["floor"]]))[0],
        offset=f"({floats(np.array([offset]))[0]})",
        factor=floats(np.array([one / scale]))[0],
        window_values=floats(hann(dict(frontend)).numpy() / 32768),
        turns=floats(np.stack([np.cos(angles), np.sin(angles)], 1)),
        bins=[f"{{{first}, {end}}}" for first, end in spans],
        weights=floats(np.concatenate([row[first:end] for row, (first, end) in zip(filters, spans, strict=True)])),
        cosines=floats(matrix),
        bytes=4 * (fft + mels) + pixels,
    )


def sixteen_bits(file: Path, frontend: Mapping[str, Any]) -> npt.NDArray[np.int16]:
    """The samples of a WAV file as the program in C takes them: at the front end's rate, as 16 bits."""
    from underbudget.models.export.sound import read, resample

    samples, rate = read(file)
    values = resample(samples, rate, frontend["sample_rate"]).numpy() * 32768
    found: npt.NDArray[np.int16] = np.clip(np.rint(values), -32768, 32767).astype(np.int16)
    return found


def images_of(recordings: Sequence[npt.NDArray[np.int16]], frontend: Mapping[str, Any]) -> npt.NDArray[np.uint8]:
    """The images (n, 1, bands, frames) that the search makes of samples of 16 bits."""
    import torch

    from underbudget.models.export.sound import fit

    floats: list[Tensor] = [torch.from_numpy(one / 32768) for one in recordings]
    images = torch.cat([fit((one, frontend["sample_rate"]), dict(frontend))[0] for one in floats])
    found: npt.NDArray[np.uint8] = images.byte().numpy()
    return found


def run(
    program: Path, recordings: Sequence[npt.NDArray[np.int16]], shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
    """Predictions (n,), stored logits (n, classes) and images (n, *shape) of a compiled program for recordings."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for number, samples in enumerate(recordings):
            (Path(folder) / f"{number}.raw").write_bytes(samples.tobytes())
            names.append(f"{number}.raw")
        done = subprocess.run(
            [str(program.resolve()), "sound", *names],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=compiling.TIMEOUT,
            check=True,
        )
    rows = np.array([line.split() for line in done.stdout.splitlines()], np.float64)
    pixels = int(np.prod(shape))
    images = rows[:, -pixels:].astype(np.uint8).reshape(-1, *shape)
    return rows[:, 0].astype(np.int64), rows[:, 1:-pixels], images
