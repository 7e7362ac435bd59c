"""What a person should know of examples before a training: duplicates, classes, names that look like groups."""

import hashlib
import shlex
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from underbudget.search.data.examples import Examples
from underbudget.search.data.grouping import groups_of, likely_pattern
from underbudget.search.data.split import Indices
from underbudget.search.data.store import PartName

SKEWED = 3  # times as many training examples in the largest class as in the smallest
MOST_NAMED = 3  # that a note names


def noticed(images: npt.NDArray[np.uint8], examples: Examples, chosen: Mapping[PartName, Indices]) -> list[str]:
    """Notes, a sentence each, of examples as 8-bit images; chosen: those of each part."""
    left_out = [f"{len(examples.left_out):,} files that cannot be read were left out"] if examples.left_out else []
    is_random = examples.groups is None and examples.parts is None
    return [
        *left_out,
        *examples.notes,
        *_duplicates(images, examples, chosen),
        *_small_classes(examples, chosen),
        *_skewed_classes(examples, chosen["train"]),
        *(_likely_groups(examples) if is_random else []),
    ]


def _duplicates(images: npt.NDArray[np.uint8], examples: Examples, chosen: Mapping[PartName, Indices]) -> list[str]:
    """A note of images that are in two parts, to the last pixel."""
    places: dict[bytes, list[tuple[PartName, int]]] = defaultdict(list)
    for part, indices in chosen.items():
        for index in indices.tolist():
            places[hashlib.blake2b(images[index].tobytes(), digest_size=16).digest()].append((part, index))
    shared = [found for found in places.values() if len({part for part, _ in found}) > 1]
    if not shared:
        return []
    pairs = []
    for found in shared[:MOST_NAMED]:
        (one, first), (other, second) = found[0], next(place for place in found if place[0] != found[0][0])
        pairs.append(f"{examples.names[first]} in {one} is {examples.names[second]} in {other}")
    return [f"{len(shared):,} images are in more than one part, which makes accuracies too good ({'; '.join(pairs)})"]


def _skewed_classes(examples: Examples, train: Indices) -> list[str]:
    """A note of classes of very different sizes, by which a guess of the largest looks good."""
    counts = np.bincount(examples.labels[train], minlength=len(examples.classes))
    small, large = int(counts.argmin()), int(counts.argmax())
    if counts[large] < SKEWED * max(1, counts[small]):
        return []
    return [
        f"the classes are skewed, from {counts[small]:,} ({examples.classes[small]!r}) to {counts[large]:,} "
        f"({examples.classes[large]!r}) training examples: always guessing {examples.classes[large]!r} has an accuracy "
        f"of {100 * counts[large] / counts.sum():.0f} %; --metric balanced_accuracy counts all classes alike"
    ]


def _likely_groups(examples: Examples) -> list[str]:
    """A note of names that look as if they told who or what an example is of."""
    pattern = likely_pattern(examples.names, examples.labels.tolist())
    if pattern is None or (groups := groups_of(examples.names, pattern)) is None:
        return []
    found = sorted(set(groups))
    shown = ", ".join(found[:MOST_NAMED]) + ", ..." * (len(found) > MOST_NAMED)
    return [
        f"the names look as if they held {len(found):,} groups ({shown}): a random split puts each into training and "
        f"test, which makes accuracies too good; --group {shlex.quote(pattern)} keeps them apart"
    ]


def _small_classes(examples: Examples, chosen: Mapping[PartName, Indices]) -> list[str]:
    """A note of classes that a part lacks."""
    lacking = []
    for part, indices in chosen.items():
        counts = np.bincount(examples.labels[indices], minlength=len(examples.classes))
        lacking += [f"{examples.classes[label]!r} in {part}" for label in np.flatnonzero(counts == 0)]
    if not lacking:
        return []
    more = f" and {len(lacking) - MOST_NAMED} more" if len(lacking) > MOST_NAMED else ""
    return [f"no example of the class {', '.join(lacking[:MOST_NAMED])}{more}: its accuracy there is not known"]
