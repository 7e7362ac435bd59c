"""A long recording of a sensor in a table, a row per moment, cut into windows: numeric columns are channels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from underbudget.models.errors import UserError
from underbudget.search.data import windows
from underbudget.search.data.definition import Definition
from underbudget.search.data.examples import Examples, Say, labels_of
from underbudget.search.data.grouping import check_groups
from underbudget.search.data.picture_table import parts_of
from underbudget.search.data.signal_columns import Texts, channels, in_time, some, texts
from underbudget.search.data.store import PARTS, PartName
from underbudget.search.data.table_file import column, read_table, row


@dataclass(frozen=True)
class _Recording:
    """The rows of a table, in order."""

    values: npt.NDArray[np.float32]  # (rows, channels)
    channels: list[str]
    words: Texts  # the label of each row, "" for none
    groups: Texts | None
    parts: list[PartName] | None
    breaks: npt.NDArray[np.bool_]  # rows that come after a gap in time
    lines: npt.NDArray[np.int64]  # the number that each row has in the file


def files(definition: Definition) -> list[str]:
    """The one file."""
    return [definition.source]


def read(definition: Definition, say: Say) -> Examples:
    """Cut the recording into windows. Raises UserError for columns that are missing or no numbers, values that are not
    finite, and runs that are too short."""
    source, options = definition.source, definition.options
    notes: list[str] = []
    recording = _recording(source, options, notes)
    window = options["window"]
    is_majority = options.get("window_label") == "majority"
    starts, blocks = _starts(recording, window, options.get("step", window), is_majority, source, notes)
    rows = starts[:, None] + np.arange(window)
    _check_finite(recording, np.unique(rows), source)
    words = _majority(recording.words, rows) if is_majority else recording.words[starts]
    labels, classes = labels_of(words.tolist(), source)
    groups, parts = recording.groups, recording.parts
    if groups is not None:
        blocks = check_groups(groups[starts].tolist(), f"the groups of {source}", parts is None)
    return Examples(
        np.ascontiguousarray(recording.values[rows].transpose(0, 2, 1))[..., None],
        labels,
        classes,
        [f"{row(first)} to {last + 2}" for first, last in recording.lines[rows[:, [0, -1]]].tolist()],
        {"kind": "signal", "channels": recording.channels},
        parts=None if parts is None else [parts[start] for start in starts],
        groups=blocks,
        notes=notes,
    )


def _recording(source: str, options: Any, notes: list[str]) -> _Recording:
    table = read_table(source, False)
    group = options.get("group") or ("group" if "group" in table.columns else None)
    label, time = options.get("label", "label"), options.get("time")
    breaks = np.zeros(len(table), dtype=bool)
    if time is not None:
        table, breaks = in_time(table, time, group, source, notes)
    groups = None if group is None else texts(column(table, group, "--group", source))
    words = texts(column(table, label, "--label", source))
    taken = {label, "split", *(name for name in (group, time) if name is not None)}
    names = channels(table, taken, options.get("columns"), breaks, groups, source, notes)
    values = table[names].to_numpy(np.float32)
    return _Recording(values, names, words, groups, parts_of(table, source), breaks, table.index.to_numpy(np.int64))


def _starts(
    recording: _Recording, window: int, step: int, is_majority: bool, source: str, notes: list[str]
) -> tuple[windows.Indices, list[str]]:
    """The first row of each window, and the block that it is in. Raises UserError where no window fits."""
    words, parts = recording.words, recording.parts
    same: list[npt.NDArray[Any]] = [words == "" if is_majority else words]
    same += [np.array(each) for each in (recording.groups, parts) if each is not None]
    runs = [(first, end) for first, end in windows.runs(*same, breaks=recording.breaks) if words[first]]
    counts = dict.fromkeys(words.tolist(), 0)
    for first, end in runs:
        counts[words[first]] += windows.count(end - first, window, step)
    is_split = parts is None or len(set(parts)) < len(PARTS)
    per_block = None
    if recording.groups is None and is_split:
        per_block = windows.per_block([count for count in counts.values() if count] or [1])
    found = []
    for first, end in runs:
        is_torn = parts is None or parts[first] == "train"  # other parts that are given stay whole
        found.append(windows.starts(first, end, window, step, per_block if is_torn else None))
    starts = np.concatenate([np.empty(0, np.int64), *(each for each, _ in found)])
    if not len(starts):
        longest = max((end - first for first, end in runs), default=0)
        raise UserError(
            f"{source}: the longest run of rows that a window may lie in has {longest:,} rows, --window is {window:,}: "
            "give a shorter one"
        )
    listed = f"{len(recording.channels)} channel{'s' * (len(recording.channels) > 1)}: {some(recording.channels)}"
    notes.insert(0, f"{len(starts):,} windows of {window} rows, one each {step} rows, of {listed}")
    if unlabelled := int((words == "").sum()):
        notes.append(f"{unlabelled:,} rows without a label were left out")
    if short := sum(end - first < window for first, end in runs):
        notes.append(f"{short:,} of {len(runs):,} runs are shorter than the window and were left out")
    if per_block is not None:
        notes.append(
            f"split by blocks of up to {per_block} windows, so that windows which overlap stay together; "
            f"{sum(counts.values()) - len(starts):,} between two blocks were left out. Where several persons, devices "
            "or sessions were recorded, --group COLUMN says which"
        )
    return starts, [f"{first}.{block}" for (first, _), (_, each) in zip(runs, found, strict=True) for block in each]


def _check_finite(recording: _Recording, rows: windows.Indices, source: str) -> None:
    bad = ~np.isfinite(recording.values[rows])
    if bad.any():
        first, channel = np.argwhere(bad)[0]
        place = f"{row(int(recording.lines[rows[first]]))}, column {recording.channels[channel]!r}"
        raise UserError(
            f"{source}: {int(bad.any(1).sum()):,} of {len(rows):,} rows have no number where one belongs (the first: "
            f"{place}): fill or leave out these rows, or name other --columns"
        )


def _majority(words: Texts, rows: windows.Indices) -> Texts:
    """The most frequent label of each window; of equally frequent ones the first in the order of the alphabet."""
    names, codes = np.unique(words, return_inverse=True)
    inside = codes[rows]
    votes = np.stack([(inside == code).sum(1) for code in range(len(names))])
    found: Texts = names[votes.argmax(0)]
    return found
