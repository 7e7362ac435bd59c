"""A stratified split that is the same on every machine, with every version of every library.

The order of the images comes from SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014): neither numpy's `Generator` nor scikit-learn promises the same result in a later version. Everything else
is integer arithmetic.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def splitmix64(count: int, seed: int) -> npt.NDArray[np.uint64]:
    """The first `count` outputs of SplitMix64 started at `seed` (0 <= seed < 2**64)."""
    state = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def part_sizes(count: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Cut `count` images in the ratio of `weights` by the method of largest remainders; ties go to the earlier part.

    The sizes add up to `count`, and each is within 1 of its exact share.
    """
    total = sum(weights)
    sizes = [count * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda part: -(count * weights[part] % total))
    for part in by_remainder[: count - sum(sizes)]:
        sizes[part] += 1
    return tuple(sizes)


def class_quotas(class_counts: Sequence[int], sizes: Sequence[int]) -> Indices:
    """How many images of each class go to each part: an array (classes, parts).

    Rows add up to `class_counts`, columns to `sizes`, and each entry is within 1 of class_count * size / images.
    Shares are rounded down; what is then missing is handed out class by class, one to each of the parts that miss most.
    This always comes out even: it is Gale's and Ryser's construction (1957) of a 0-1 matrix with given sums.
    """
    counts, wanted = np.asarray(class_counts, dtype=np.int64), np.asarray(sizes, dtype=np.int64)
    if counts.sum() != wanted.sum():
        raise ValueError(f"the parts hold {wanted.sum()} images, the classes {counts.sum()}: they must be the same")
    shares = np.outer(counts, wanted)
    quotas, remainders = np.divmod(shares, max(1, int(counts.sum())))
    missing = wanted - quotas.sum(axis=0)
    for row, spare in enumerate(counts - quotas.sum(axis=1)):
        neediest = np.lexsort((-remainders[row], -missing))[:spare]  # by what is missing, then by remainder
        quotas[row, neediest] += 1
        missing[neediest] -= 1
    return quotas


def stratified_split(labels: npt.ArrayLike, sizes: Sequence[int], seed: int) -> tuple[Indices, ...]:
    """Split images into parts of exactly `sizes` images, which add up to all; labels: (n,), the class of each image.

    Returns one ascending index array per part, together every index once; each class is split by `class_quotas`, its
    images dealt out in the order of their SplitMix64 number, the first part first. Raises ValueError as that does.
    """
    labels = np.asarray(labels)
    classes, counts = np.unique(labels, return_counts=True)
    quotas = class_quotas(counts.tolist(), sizes)
    keys = splitmix64(len(labels), seed)
    dealt: list[list[Indices]] = [[] for _ in sizes]
    for label, quota in zip(classes, quotas, strict=True):
        members = np.flatnonzero(labels == label)
        shuffled = members[np.argsort(keys[members], kind="stable")]
        for part, indices in zip(dealt, np.split(shuffled, np.cumsum(quota)[:-1]), strict=True):
            part.append(indices)
    return tuple(np.sort(np.concatenate(part)) if part else np.empty(0, dtype=np.int64) for part in dealt)


def grouped_split(labels: npt.ArrayLike, groups: Sequence[str], sizes: Sequence[int], seed: int) -> tuple[Indices, ...]:
    """Split images into parts of about `sizes` images so that each group is in one part; labels: (n,).

    Groups are dealt out, the largest first, each to the part whose classes it then leaves nearest to their share (the
    least sum of squares of what is missing); ties are broken by the groups' SplitMix64 numbers. Each part gets a group
    where there are as many groups as parts. Returns one ascending index array per part.
    """
    labels = np.asarray(labels)
    names, member_of = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    classes, class_of = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)), dtype=np.int64)
    np.add.at(counts, (member_of, class_of), 1)
    missing = np.outer(sizes, counts.sum(axis=0)) / max(1, len(labels))  # (parts, classes)
    order = np.lexsort((splitmix64(len(names), seed), -counts.sum(axis=1)))
    part_of = np.zeros(len(names), dtype=np.int64)
    filled = np.zeros(len(sizes), dtype=bool)
    for position, group in enumerate(order):
        gains = (missing**2 - (missing - counts[group]) ** 2).sum(axis=1)
        if (~filled).sum() >= len(names) - position:  # as many groups left as parts without one
            gains[filled] = -np.inf
        part = int(gains.argmax())
        part_of[group], filled[part] = part, True
        missing[part] -= counts[group]
    return tuple(np.flatnonzero(part_of[member_of] == part) for part in range(len(sizes)))
