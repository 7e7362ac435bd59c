"""What an exported file does with a recording: read a WAV file, make it the image that the network takes.

Everything below the marker is copied into exported files as it stands, hence it uses torch alone, and constants that an
exported file defines for its own network. The search makes its images by the same functions. All is worked out in
float64 and rounded to 8 bits at the end, so that machines agree.
"""

import math
import struct
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

FRONTEND: dict[str, Any] = {
    "kind": "sound",
    "features": "log-mel",
    "sample_rate": 8000,  # Hz
    "samples": 8000,  # of a recording, which is cut or padded to them at both ends
    "window": 200,  # samples of a frame
    "hop": 128,  # samples from one frame to the next
    "fft": 256,  # a power of two: frames are padded to it
    "mels": 32,  # triangular filters, evenly spaced on HTK's mel scale
    "lowest": 20.0,  # Hz, where the first filter begins
    "highest": 4000.0,  # Hz, where the last one ends
    "floor": 1e-8,  # added before the logarithm; a sine of full scale has the power 1
    "bands": 32,  # rows of the image: mels, or the coefficients kept of an MFCC
    "lifter": 0,  # of an MFCC
    "offset": [-18.4],  # a value v becomes the byte 255 * (v - offset) / scale
    "scale": [18.4],
}


# --- copied into exported files from here ---


INPUT = "recording"
FACTS: dict[str, object] = {"background": "any", "frontend": FRONTEND}
Source: TypeAlias = str | Path | tuple[Tensor, int]  # a WAV file, or samples (n,) of -1..1 and their rate in Hz


def read(path: str | Path) -> tuple[Tensor, int]:
    """Samples of a WAV file, float64 (n,) of -1..1, the mean of its channels, and their rate in Hz.

    PCM of 8, 16, 24 or 32 bits, floats of 32 or 64. Raises ValueError for anything else.
    """
    content = Path(path).read_bytes()
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ValueError("is no WAV file")
    head, data, place = b"", b"", 12
    while place + 8 <= len(content) and not data:
        name, size = struct.unpack_from("<4sI", content, place)
        body = content[place + 8 :] if name == b"data" and size in (0, 2**32 - 1) else content[place + 8 :][:size]
        head, data = (body, data) if name == b"fmt " else (head, body) if name == b"data" else (head, data)
        if name == b"data" and size != 2**32 - 1 and len(body) < size:
            raise ValueError(f"is damaged: it ends after {len(body)} of {size} bytes of samples")
        place += 8 + size + size % 2
    if len(head) < 16 or not data:
        raise ValueError("is damaged: it has no samples" if head else "is damaged: its format is missing")
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", head)
    if code == 0xFFFE and len(head) >= 26:  # extensible: the code begins its identifier
        code = struct.unpack_from("<H", head, 24)[0]
    types = {(1, 8): torch.uint8, (1, 16): torch.int16, (1, 24): torch.uint8, (1, 32): torch.int32}
    types |= {(3, 32): torch.float32, (3, 64): torch.float64}
    if (code, bits) not in types or not channels or not 1_000 <= rate <= 768_000:
        raise ValueError(f"has {bits} bits in the coding {code}, {channels} channels and {rate} Hz: only PCM is read")
    frame = channels * bits // 8
    if len(data) < frame:
        raise ValueError("is damaged: it has no samples")
    values = torch.frombuffer(bytearray(data[: len(data) // frame * frame]), dtype=types[code, bits]).double()
    if bits == 8:
        values = values - 128
    if bits == 24:
        low, middle, high = values.view(-1, 3).unbind(1)
        values = low + 256 * middle + 65536 * (high - 256 * (high >= 128))
    values = (values if code == 3 else values / 2 ** (bits - 1)).view(-1, channels).mean(1)
    if not values.isfinite().all():
        raise ValueError("has samples that are no numbers")
    return values, rate


def resample(samples: Tensor, rate: int, wanted: int) -> Tensor:
    """Samples (n,) brought to another rate, as scipy.signal.resample_poly does: by a zero-phase low-pass filter, a sinc
    under a Kaiser window."""
    common = math.gcd(rate, wanted)
    up, down = wanted // common, rate // common
    if up == down:
        return samples
    most = max(up, down)
    middle = 10 * most
    kernel = torch.sinc(torch.arange(-middle, middle + 1, dtype=torch.float64) / most)
    kernel *= torch.kaiser_window(2 * middle + 1, periodic=False, beta=5.0, dtype=torch.float64)
    kernel *= up / kernel.sum()
    reach = -(-middle // up)  # samples to each side that a result depends on
    taps = middle + torch.arange(up)[:, None] + up * torch.arange(reach, -reach - 1, -1)
    phases = kernel[taps.clamp(0, 2 * middle)] * ((taps >= 0) & (taps <= 2 * middle))
    windows = torch.nn.functional.pad(samples, (reach, reach)).unfold(0, 2 * reach + 1, 1)
    count = -(-len(samples) * up // down)
    blocks = (torch.arange(start, min(start + 16384, count)) * down for start in range(0, count, 16384))
    return torch.cat([(windows[block // up] * phases[block % up]).sum(1) for block in blocks])


def centred(samples: Tensor, count: int) -> Tensor:
    """`count` samples: of more the middle, fewer with silence on both sides."""
    start = (len(samples) - count) // 2
    if start >= 0:
        return samples[start : start + count]
    return torch.nn.functional.pad(samples, (-start, count - len(samples) + start))


def mel_filters(frontend: dict[str, Any]) -> Tensor:
    """Triangular filters (mels, fft / 2 + 1) of height 1 with their corners evenly spaced on HTK's mel scale,
    2595 log10(1 + f / 700)."""
    low, high = (2595 * math.log10(1 + frontend[end] / 700) for end in ("lowest", "highest"))
    mels = torch.linspace(low, high, frontend["mels"] + 2, dtype=torch.float64)
    corners = 700 * (10 ** (mels / 2595) - 1)
    bins = torch.arange(frontend["fft"] // 2 + 1, dtype=torch.float64) * frontend["sample_rate"] / frontend["fft"]
    left, centre, right = (corners[start : start + frontend["mels"], None] for start in range(3))
    filters: Tensor = torch.minimum((bins - left) / (centre - left), (right - bins) / (right - centre)).clamp(min=0)
    return filters


def hann(frontend: dict[str, Any]) -> Tensor:
    """The periodic Hann window (window,), scaled so that a sine of full scale has the power 1."""
    window: Tensor = torch.hann_window(frontend["window"], dtype=torch.float64)
    return window * 2 / window.sum()


def cosines(frontend: dict[str, Any]) -> Tensor:
    """The matrix (bands, mels) that makes an MFCC of log-mel values: an orthonormal DCT-II, liftered as HTK does."""
    mels, lifter = frontend["mels"], frontend["lifter"]
    order = torch.arange(frontend["bands"], dtype=torch.float64)[:, None]
    matrix: Tensor = torch.cos(math.pi / mels * order * (torch.arange(mels) + 0.5)) * (2 / mels) ** 0.5
    matrix[0] *= 0.5**0.5
    matrix *= 1 + lifter / 2 * torch.sin(math.pi * order / max(1, lifter))
    return matrix


def spectrogram(samples: Tensor, frontend: dict[str, Any] = FRONTEND) -> Tensor:
    """The image (1, bands, frames), float32, of `frontend["samples"]` samples: the logarithm of the power in each mel
    band, or the MFCC of it."""
    frames = samples.double().unfold(0, frontend["window"], frontend["hop"]) * hann(frontend)
    power = torch.fft.rfft(frames, frontend["fft"]).abs().square()
    bands: Tensor = (power @ mel_filters(frontend).T + frontend["floor"]).log()
    if frontend["features"] == "mfcc":
        bands = bands @ cosines(frontend).T
    return bands.T.float()[None]


def fit(recording: tuple[Tensor, int], frontend: dict[str, Any] = FRONTEND) -> tuple[Tensor, list[str]]:
    """A recording of any rate and length as a batch of one, whole values 0..255 as float32, and what was done to it."""
    samples, rate = recording
    steps = []
    if rate != frontend["sample_rate"]:
        samples = resample(samples.double(), rate, frontend["sample_rate"])
        steps.append(f"resampled from {rate} to {frontend['sample_rate']} Hz")
    if len(samples) != frontend["samples"]:
        what = "cut" if len(samples) > frontend["samples"] else "padded"
        found, wanted = (count / frontend["sample_rate"] for count in (len(samples), frontend["samples"]))
        steps.append(f"{what} from {found:.2f} to {wanted:.2f} s")
    image = spectrogram(centred(samples, frontend["samples"]), frontend)
    offset, scale = (torch.tensor(frontend[name], dtype=torch.float32).view(-1, 1, 1) for name in ("offset", "scale"))
    return ((image - offset) * (255 / scale)).round().clamp(0, 255)[None], steps
