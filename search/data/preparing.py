"""From a user's own files to a prepared store: read once, split, kept by content.

Below `prepared/` of a data folder, a store lies under its checksum, and `index/KEY.json` says which store the files of
a definition gave; KEY stands for the definition and for the name, size and time of each file. So unchanged files are
not read again, and equal content is kept once, wherever it came from.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from underbudget.models.errors import UserError
from underbudget.models.files import json_value, write_atomically
from underbudget.search.data import values
from underbudget.search.data.definition import ARRAYS, Definition
from underbudget.search.data.examples import Examples, Say, missing_parts
from underbudget.search.data.kinds import KINDS
from underbudget.search.data.noticing import noticed
from underbudget.search.data.split import Indices, grouped_split, part_sizes, stratified_split
from underbudget.search.data.store import PARTS, Dataset, Part, PartName, open_dataset, verify, write_dataset

SHARES = dict(zip(PARTS, (70, 15, 15), strict=True))  # of what the user did not split
LEAST_EXAMPLES = 10
READING = 1  # raise it with any change of how files are read


@dataclass(frozen=True)
class Entry:
    """What is remembered of a definition that was read, as JSON in the index."""

    definition: dict[str, Any]
    checksum: str
    notes: list[str]  # what was done and noticed, a sentence each
    left_out: list[dict[str, str]]  # name, reason


def prepare(definition: Definition, home: Path, say: Say) -> Dataset:
    """Open the store of a definition; files that are new or changed are read first.

    Train and validation are compared with their checksums each time. Raises UserError where the source is not there or
    cannot be used, and as the kind's reader does.
    """
    kind = KINDS.get(definition.kind)
    if kind is None:
        raise UserError(f"the data set's kind {definition.kind!r} is not known: there are {', '.join(KINDS)}")
    source = Path(definition.source)
    if not source.exists():
        raise UserError(f"the data set {definition} is not there: name its new place by --dataset")
    key = _key(definition, kind.files(definition))
    path = home / "prepared" / "index" / f"{key}.json"
    entry = read_entry(path)
    store = None if entry is None else store_of(entry.checksum, home)
    if store is None:
        say(f"reading {definition.source}")
        store, entry = write(definition, kind.read(definition, say), home)
        _remember(path, entry, say)
    else:
        verify(store, ("train", "validation"))
    return described(store, definition)


def keep(asked: Definition, examples: Examples, home: Path, say: Say) -> Definition:
    """Write the store of data that have no files, and give the definition that names it by its checksum."""
    store, entry = write(asked, examples, home)
    definition = Definition(ARRAYS, store.info.checksum)
    path = home / "prepared" / "index" / f"{store.info.checksum[:24]}.json"
    if not path.exists():
        _remember(path, replace(entry, definition=definition.to_json()), say)
    return definition


def _remember(path: Path, entry: Entry, say: Say) -> None:
    write_atomically(path, json.dumps(asdict(entry), indent=1).encode())
    for note in entry.notes:
        say(f"note: {note}")


def described(store: Dataset, definition: Definition) -> Dataset:
    """A store with what it is called and made from, which it does not hold itself."""
    info = replace(store.info, name=definition.name, title=definition.name, definition=definition)
    return Dataset(info, store.folder)


def store_of(checksum: str, home: Path) -> Dataset | None:
    """The store of this content below a data folder, None where it is not there."""
    folder = home / "prepared" / f"own-{checksum[:16]}"
    if not folder.is_dir():
        return None
    store = open_dataset(folder)
    return store if store.info.checksum == checksum else None


def read_entry(path: Path) -> Entry | None:
    """An entry of the index, None where there is none that can be read: then the files are read again."""
    try:
        return Entry(**json_value(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def entries(home: Path) -> dict[str, Entry]:
    """The newest entry of each store in the index, by its checksum."""
    files = sorted((home / "prepared" / "index").glob("*.json"), key=lambda file: file.stat().st_mtime)
    read = (read_entry(file) for file in files)
    return {entry.checksum: entry for entry in read if entry is not None}


def forget(checksum: str, home: Path) -> None:
    """Remove the entries of a store from the index. Raises OSError."""
    for file in (home / "prepared" / "index").glob("*.json"):
        entry = read_entry(file)
        if entry is not None and entry.checksum == checksum:
            file.unlink(missing_ok=True)


def definition_of_store(store: Dataset) -> Definition | None:
    """What a store was made from, by the index beside it; None where it does not say."""
    entry = entries(store.folder.parents[1]).get(store.info.checksum)
    return None if entry is None else Definition.from_json(entry.definition)


def _key(definition: Definition, files: Sequence[str]) -> str:
    digest = hashlib.sha256(json.dumps([READING, definition.to_json()], sort_keys=True).encode())
    for file in files:
        try:
            found = os.stat(file)
            state = f"{found.st_size} {found.st_mtime_ns}"
        except OSError:
            state = "missing"
        digest.update(os.fsencode(file) + f"\0{state}\n".encode())
    return digest.hexdigest()[:24]


def write(definition: Definition, examples: Examples, home: Path) -> tuple[Dataset, Entry]:
    """Split examples, make 8 bits of them, and write the store. Raises UserError for too few of them."""
    if len(examples.labels) < LEAST_EXAMPLES:
        raise UserError(
            f"{definition.source} has {len(examples.labels)} examples: training, validation and test need at least "
            f"{LEAST_EXAMPLES} together"
        )
    chosen = split(examples, int(definition.options.get("split_seed", 0)))
    images, frontend = examples.images, dict(examples.frontend)
    if images.dtype != np.uint8:
        scale = values.scales(_rows(images, chosen["train"]))
        images, frontend = values.to_bytes(images, scale), {**frontend, **scale}
    _check_channels(_rows(images, chosen["train"]), definition.source)
    notes = noticed(images, examples, chosen)
    parts = {name: Part(_rows(images, indices), examples.labels[indices]) for name, indices in chosen.items()}
    store = write_dataset(home / "prepared" / "own-{checksum}", "", "", examples.classes, parts, frontend)
    left_out = [asdict(one) for one in examples.left_out]
    return store, Entry(definition.to_json(), store.info.checksum, notes, left_out)


def _rows(images: npt.NDArray[Any], indices: Indices) -> npt.NDArray[Any]:
    """Some of the images, without a copy where they lie one after the other."""
    start, end = int(indices[0]), int(indices[-1]) + 1
    return images[start:end] if end - start == len(indices) else images[indices]


def _check_channels(images: npt.NDArray[np.uint8], source: str) -> None:
    """Raises UserError for a channel that has one value in all of the training part: it cannot be standardised."""
    for channel in range(images.shape[1]):
        value = images[0, channel].flat[0]
        if all((image[channel] == value).all() for image in images):
            raise UserError(
                f"{source}: channel {channel + 1} of {images.shape[1]} is {value} everywhere in the training part: "
                "nothing can be learned from it, leave it out"
            )


def split(examples: Examples, seed: int) -> dict[PartName, Indices]:
    """The examples of each part: as the user split them; what is missing is taken from the training part.

    Stratified, or by groups where there are some. Raises UserError where a part stays empty.
    """
    given: Sequence[PartName] = examples.parts or ["train"] * len(examples.labels)
    missing = [part for part in missing_parts(given) if part != "train"]
    members = {part: np.flatnonzero([one == part for one in given]) for part in PARTS}
    if not len(members["train"]):
        raise UserError("the training part has no examples: give train and test folders or rows, or leave all unsplit")
    if missing:
        pool, wanted = members["train"], [part for part in PARTS if part == "train" or part in missing]
        sizes = part_sizes(len(pool), [SHARES[part] for part in wanted])
        labels = examples.labels[pool]
        if examples.groups is None:
            dealt = stratified_split(labels, sizes, seed)
        else:
            dealt = grouped_split(labels, [examples.groups[index] for index in pool.tolist()], sizes, seed)
        members |= {part: pool[indices] for part, indices in zip(wanted, dealt, strict=True)}
    for part, indices in members.items():
        if not len(indices):
            raise UserError(f"the {part} part would be empty: give more examples, or more groups")
    return members
