"""The stratified split: exact sizes, class proportions within 1, the same forever."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from underbudget.search.data.split import class_quotas, part_sizes, splitmix64, stratified_split


def test_splitmix64_gives_the_published_numbers() -> None:
    # Vigna's splitmix64.c seeded with 1234567, as listed on Rosetta Code.
    assert splitmix64(5, 1234567).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@pytest.mark.parametrize(
    ("count", "weights", "sizes"),
    [
        (60_000, (50, 10), (50_000, 10_000)),
        (1797, (70, 15, 15), (1258, 270, 269)),  # 1257.9, 269.55, 269.55: the tie goes to the earlier part
        (10, (1, 1, 1), (4, 3, 3)),
        (0, (70, 30), (0, 0)),
    ],
)
def test_part_sizes(count: int, weights: tuple[int, ...], sizes: tuple[int, ...]) -> None:
    assert part_sizes(count, weights) == sizes


@given(st.data())
def test_class_quotas_keep_both_sums_and_stay_within_one(data: st.DataObject) -> None:
    table = data.draw(
        st.integers(1, 4).flatmap(
            lambda parts: st.lists(
                st.lists(st.integers(0, 40), min_size=parts, max_size=parts), min_size=1, max_size=12
            )
        )
    )
    counts, sizes = np.sum(table, axis=1), np.sum(table, axis=0)
    quotas = class_quotas(counts.tolist(), sizes.tolist())
    assert quotas.sum(axis=1).tolist() == counts.tolist()
    assert quotas.sum(axis=0).tolist() == sizes.tolist()
    exact = np.outer(counts, sizes) / max(1, counts.sum())
    assert np.abs(quotas - exact).max() <= 1


def test_class_quotas_by_hand() -> None:
    # 7 + 2 images into 6 + 3: shares 4.67 2.33 / 1.33 0.67. One is missing in each part; the first class takes it
    # where its remainder is larger (0.67), the second gets the rest.
    assert class_quotas([7, 2], [6, 3]).tolist() == [[5, 2], [1, 1]]


def test_sizes_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match="the parts hold 5 images, the classes 4"):
        stratified_split([0, 0, 1, 1], (3, 2), seed=0)


def test_every_image_lies_in_one_part_and_no_class_is_dealt_in_order() -> None:
    labels = np.repeat(np.arange(5), (100, 50, 30, 20, 1))
    first, second, third = stratified_split(labels, (121, 50, 30), seed=3)
    assert sorted([*first, *second, *third]) == list(range(201))
    assert (len(first), len(second), len(third)) == (121, 50, 30)
    for part, size in ((first, 121), (second, 50), (third, 30)):
        exact = np.array((100, 50, 30, 20, 1)) * size / 201
        assert np.abs(np.bincount(labels[part], minlength=5) - exact).max() <= 1
        assert (np.diff(part) > 0).all()
    assert np.mean(first[labels[first] == 0]) == pytest.approx(49.5, abs=8)  # a block from the front would give 29.5


def test_the_split_by_hand() -> None:
    """Should this ever change, every stored study would lose its validation part."""
    labels = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 0]
    # SplitMix64 from seed 0 starts e220 6e78 06c4 f88b 1b39 53cb 2c82 c584 3ee5 f3b8 657e c2d3 (first two bytes).
    # Of 8 and 4 images class 0 gives 3 and 2, class 1 gives 3 and 1, class 2 gives 2 and 1; the largest numbers of each
    # class are dealt last: images 3 and 9 (f88b, f3b8), 7 (c584), 5 (53cb).
    train, validation = stratified_split(labels, (8, 4), seed=0)
    assert validation.tolist() == [3, 5, 7, 9]
    assert train.tolist() == [0, 1, 2, 4, 6, 8, 10, 11]


def test_another_seed_gives_another_split() -> None:
    labels = np.repeat(np.arange(10), 30)
    assert (
        stratified_split(labels, (200, 100), seed=0)[1].tolist() != stratified_split(labels, (200, 100), 1)[1].tolist()
    )


def test_classes_may_have_any_numbers() -> None:
    labels = np.array([7, -1, 7, -1])
    parts = stratified_split(labels, (2, 2), seed=0)
    assert [sorted(labels[part].tolist()) for part in parts] == [[-1, 7], [-1, 7]]
