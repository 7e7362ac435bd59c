"""Picture files of any size, colour and format that Pillow reads, as arrays of one size.

A picture becomes what an exported network makes of it (models.export.picture, `read` and `fit`): turned as its
EXIF data says, of an animation the first frame, 16 bits as 8, transparency laid on paper, CMYK and palettes as RGB;
brought to the size with its proportions kept, bilinearly with antialiasing, and what is missing at the sides filled
with the colour of its border.
"""

import functools
import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from underbudget.search.data import parallel
from underbudget.search.data.definition import Size, parse_size
from underbudget.search.data.examples import Decoded, Say, left_out

MOST_SIDE = 64  # pixels: larger pictures are made smaller unless a size is asked for
SQUARE = 1.25  # at most so unequal sides become equal ones
FRONTEND = {"kind": "picture", "fit": "letterbox"}


@functools.cache
def picture_endings() -> frozenset[str]:
    """The endings of the files that Pillow reads, in lower case."""
    from PIL import Image

    known = Image.registered_extensions()  # fills Image.OPEN
    return frozenset(ending for ending, format in known.items() if format in Image.OPEN and format != "MPEG")


def has_picture_ending(path: str) -> bool:
    """Whether a file is called like a picture."""
    return os.path.splitext(path)[1].lower() in picture_endings()


def decode(paths: Sequence[str], options: Mapping[str, Any], say: Say) -> Decoded:
    """Decode pictures with all cores, at the size and channels asked for (`image_size`, `channels`), else as found.

    Raises UserError for files that are no pictures, unless `skip_bad_images`.
    """
    names = list(paths)
    heads = parallel.answers(__name__ + "_worker", {"what": "look"}, names, "looking at pictures")
    bad = {index: head for index, head in enumerate(heads) if isinstance(head, str)}
    good = [index for index in range(len(paths)) if index not in bad]
    sizes = [(heads[index][0], heads[index][1]) for index in good]
    asked = options.get("image_size")
    size = choose_size(sizes) if asked is None else parse_size(asked)
    colours = 3 if any(heads[index][2] == 3 for index in good) else 1
    channels = options.get("channels") or colours
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "images.npy"
        shape = (len(paths), channels, *size)
        np.lib.format.open_memmap(file, "w+", np.uint8, shape).flush()
        task = {"what": "read", "file": str(file)}
        read = parallel.answers(
            __name__ + "_worker",
            task,
            [None if index in bad else name for index, name in enumerate(names)],
            "reading pictures",
        )
        bad |= {index: text for index, text in enumerate(read) if text}
        unread = left_out(names, bad, "pictures", bool(options.get("skip_bad_images")))
        kept = [index for index in range(len(paths)) if index not in bad]
        images = np.load(file, mmap_mode="r")[kept]
    return Decoded(images, kept, unread, _notes(sizes, size, channels, heads, asked is not None), dict(FRONTEND))


def choose_size(sizes: Sequence[Size]) -> Size:
    """The size (height, width) that pictures are brought to: their own where all agree and are small enough, else of
    their median proportions with a longer side of at most MOST_SIDE."""
    if not sizes:
        return MOST_SIDE, MOST_SIDE
    if len(set(sizes)) == 1 and max(sizes[0]) <= MOST_SIDE:
        return sizes[0]
    height, width = median(one for one, _ in sizes), median(other for _, other in sizes)
    longest = min(MOST_SIDE, max(height, width))
    if max(height, width) <= SQUARE * min(height, width):
        return round(longest), round(longest)
    scale = longest / max(height, width)
    return max(4, round(height * scale)), max(4, round(width * scale))


def _notes(sizes: Sequence[Size], size: Size, channels: int, heads: Sequence[Any], is_asked: bool) -> list[str]:
    """What was done to the pictures, in sentences."""
    notes = []
    if set(sizes) != {size}:
        (small, large) = min(sizes, key=_area), max(sizes, key=_area)
        found = _text(small) if small == large else f"{_text(small)} to {_text(large)}"
        hint = "" if is_asked else "; --image-size chooses another size"
        notes.append(f"pictures of {found} pixels are brought to {_text(size)}{hint}")
    kinds = Counter(head[2] for head in heads if not isinstance(head, str))
    if len(kinds) > 1 or channels not in kinds:
        said = f"{kinds.get(3, 0):,} pictures are in colour, {kinds.get(1, 0):,} grey"
        notes.append(f"{said}: all are taken as {'colour' if channels == 3 else 'grey'}; --channels chooses")
    moving = sum(head[3] > 1 for head in heads if not isinstance(head, str))
    if moving:
        notes.append(f"of {moving:,} animations the first frame is taken")
    return notes


def _area(size: Size) -> int:
    return size[0] * size[1]


def _text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
