"""WAV files of any rate and length as images of one size: spectrograms, or the MFCC of them.

A recording becomes what an exported network makes of it (models.export.sound). Here it is decided how, once for a data
set: the rate, the length, the frames and the filters.
"""

import math
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from underbudget.models.errors import UserError
from underbudget.models.export.recordings import frames_of
from underbudget.search.data import parallel
from underbudget.search.data.examples import Decoded, Say, left_out

MOST_RATE = 16_000  # Hz, unless another one is asked for
MOST_SECONDS = 10.0  # likewise
COVERED = 0.95  # share of the recordings that are not cut
FRAME = 0.025  # seconds
FRAMES = 48  # of an image, where hops within these bounds give it:
HOP = (0.010, 0.016)  # seconds
LEAST_FRAMES = 8
MELS = 32
COEFFICIENTS = 13  # of an MFCC
LIFTER = 22
LOWEST = 20.0  # Hz
FLOOR = 1e-8  # of the power, where a sine of full scale has 1: -80 dB


def decode(paths: Sequence[str], options: Mapping[str, Any], say: Say) -> Decoded:
    """Read recordings with all cores.

    Options: `sample_rate` (Hz), `seconds`, `features` and `mels`. Raises UserError for files that are no recordings,
    unless `skip_bad_images`.
    """
    names = list(paths)
    heads = parallel.answers(__name__ + "_worker", {"what": "look"}, names, "looking at recordings")
    bad = {index: head for index, head in enumerate(heads) if isinstance(head, str)}
    unread = left_out(names, bad, "recordings", bool(options.get("skip_bad_images")))
    found = [(rate, count / rate) for rate, count in (head for head in heads if not isinstance(head, str))]
    if not found:
        raise UserError("none of the recordings can be read: PCM and float WAV files are")
    frontend = choose(found, options)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npy"
        shape = (len(paths), 1, frontend["bands"], frames_of(frontend))
        np.lib.format.open_memmap(file, "w+", np.float32, shape).flush()
        task = {"what": "read", "file": str(file), "frontend": frontend}
        wanted = [None if index in bad else name for index, name in enumerate(names)]
        answers = parallel.answers(__name__ + "_worker", task, wanted, "reading recordings")
        changed = {index: text for index, text in enumerate(answers) if text}
        left_out(names, changed, "recordings", False)
        kept = [index for index in range(len(paths)) if index not in bad]
        images = np.load(file, mmap_mode="r")[kept]
    return Decoded(images, kept, unread, _notes(found, frontend, options), frontend)


def choose(found: Sequence[tuple[int, float]], options: Mapping[str, Any]) -> dict[str, Any]:
    """The front end for recordings of these rates (Hz) and lengths (seconds), as models.export.sound takes it, without
    offset and scale."""
    rates = Counter(rate for rate, _ in found)
    commonest = max(rates, key=lambda rate: (rates[rate], -rate))
    rate = options.get("sample_rate") or min(MOST_RATE, commonest)
    covering = sorted(seconds for _, seconds in found)[math.ceil(COVERED * len(found)) - 1]
    seconds = options.get("seconds") or min(MOST_SECONDS, covering)
    hop = round(rate * min(max(seconds / FRAMES, HOP[0]), HOP[1]))
    window = round(rate * FRAME)
    frames = max(LEAST_FRAMES, 1 + math.ceil((seconds * rate - window) / hop))
    mels = options.get("mels") or MELS
    features = options.get("features") or "log-mel"
    highest = rate / 2
    low, high = (1127 * math.log(1 + end / 700) for end in (LOWEST, highest))
    narrowest = 700 * (math.exp((low + (high - low) / (mels + 1)) / 1127) - 1) - LOWEST
    fft = 1
    while fft < window or rate / fft > narrowest:  # no filter without a bin
        fft *= 2
    return {
        "kind": "sound",
        "features": features,
        "sample_rate": rate,
        "samples": window + (frames - 1) * hop,
        "window": window,
        "hop": hop,
        "fft": fft,
        "mels": mels,
        "lowest": LOWEST,
        "highest": highest,
        "floor": FLOOR,
        "bands": min(COEFFICIENTS, mels) if features == "mfcc" else mels,
        "lifter": LIFTER if features == "mfcc" else 0,
    }


def _notes(found: Sequence[tuple[int, float]], frontend: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """What is done to the recordings, in sentences."""
    rate, seconds = frontend["sample_rate"], frontend["samples"] / frontend["sample_rate"]
    lengths = sorted(length for _, length in found)
    cut = sum(length > seconds for length in lengths)
    what = "coefficients" if frontend["features"] == "mfcc" else "mel bands"
    notes = [
        f"{len(lengths):,} recordings of {lengths[0]:.2f} to {lengths[-1]:.2f} s are brought to {seconds:.2f} s "
        f"({cut:,} are cut) and become images of {frontend['bands']}x{frames_of(frontend)}: {what} x frames of "
        f"{1000 * frontend['hop'] / rate:.1f} ms; --seconds, --mels and --features choose"
    ]
    others = Counter(one for one, _ in found if one != rate)
    if others:
        listed = ", ".join(map(str, sorted(others)[:5])) + ", ..." * (len(others) > 5)
        hint = "" if options.get("sample_rate") else "; --sample-rate chooses"
        notes.append(f"{sum(others.values()):,} recordings are resampled to {rate} Hz (from {listed}){hint}")
    return notes
