"""How a user's own data are read: options that every command takes that may meet them."""

from dataclasses import KW_ONLY, dataclass, fields
from typing import Any

from underbudget.search.data.definition import FEATURES, LAYOUTS, check_label_pattern, parse_size
from underbudget.search.session.options import between, one_of, option, whole


@dataclass(frozen=True)
class DataOptions:
    """Options of a data set that is made from a user's own files (docs/data.md)."""

    _: KW_ONLY
    image_size: str | None = option(
        "Pixels of the images, N or HxW.",
        shown="as found, at most 64",
        scope="study",
        trailing=True,
        check=lambda _, text: parse_size(text),
    )
    channels: int | None = option(
        "1 for grey images, 3 for colour.",
        shown="as found",
        scope="study",
        trailing=True,
        check=whole(1, 3, "1 or 3, as a whole number"),
    )
    skip_bad_images: bool | None = option("Leave out files that cannot be read.", scope="study", trailing=True)
    layout: str | None = option(
        "Axes of arrays: NHWC, NCHW or NHW of images, NTC or NCT of windows in time.",
        shown="told by the shape",
        scope="study",
        trailing=True,
        check=one_of(*LAYOUTS),
    )
    label: str | None = option("Column of the labels in a table.", shown="label", scope="study", trailing=True)
    window: int | None = option(
        "Rows of a sensor's table that are one example.", scope="study", trailing=True, check=whole(4, 100_000)
    )
    step: int | None = option(
        "Rows from one window to the next.", shown="the window", scope="study", trailing=True, check=whole(1, 100_000)
    )
    time: str | None = option(
        "Column of the time in a sensor's table: its rows are put in order.", scope="study", trailing=True
    )
    columns: str | None = option(
        "Columns that are channels of a sensor, A,B,C.", shown="all numeric ones", scope="study", trailing=True
    )
    window_label: str | None = option(
        "single: no window crosses a change of label; majority: it has the most frequent one.",
        shown="single",
        scope="study",
        trailing=True,
        check=one_of("single", "majority"),
    )
    label_pattern: str | None = option(
        "Regular expression of file names: its first bracket is the label, for files outside class folders.",
        scope="study",
        trailing=True,
        check=check_label_pattern,
    )
    sample_rate: int | None = option(
        "Samples per second of recordings.",
        shown="the commonest, at most 16000",
        scope="study",
        trailing=True,
        check=whole(1_000, 192_000, "Hz, as a whole number"),
    )
    seconds: float | None = option(
        "Length of recordings: longer ones lose both ends, shorter ones get silence.",
        shown="of 95 % of them, at most 10",
        scope="study",
        trailing=True,
        check=between(0.1, 60.0),
    )
    features: str | None = option(
        "Images of recordings: log-mel or mfcc.",
        shown="log-mel",
        scope="study",
        trailing=True,
        check=one_of(*FEATURES),
    )
    mels: int | None = option(
        "Mel bands of a recording.", shown="32", scope="study", trailing=True, check=whole(8, 128)
    )
    group: str | None = option(
        "Column, or regular expression of file names: examples of one group stay in one part.",
        scope="study",
        trailing=True,
    )
    split_seed: int | None = option(
        "Seed of the split where the data have none.",
        shown="0",
        scope="study",
        trailing=True,
        check=whole(0, 2**32 - 1),
    )


NAMES = tuple(field.name for field in fields(DataOptions))


def of_data(options: Any) -> dict[str, Any]:
    """The options of data among others, by name; those that were not given are None."""
    return {name: getattr(options, name) for name in NAMES}
