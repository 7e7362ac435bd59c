"""Where data sets come from and how they become a prepared store: named ones, and a user's own.

A prepared store lies in `prepared/` below the data folder or, where that cannot be written, below the platform's cache
folder. Its name has a key of all that decides its content, so that no other version takes it for its own.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from underbudget.models.errors import UserError, nearest
from underbudget.search.data import cache, kinds, own_names, preparing
from underbudget.search.data.definition import ARRAYS, NAMED, Definition
from underbudget.search.data.digits import read_digits
from underbudget.search.data.named_sets import DATASETS, SPLIT_SEED, Source
from underbudget.search.data.split import part_sizes, stratified_split
from underbudget.search.data.store import PARTS, Dataset, Part, damaged, open_dataset, verify, write_dataset

VARIABLE = "UNDERBUDGET_DATA"

Log = Callable[[str], None]


def source(name: str, others: Sequence[str] = ()) -> Source:
    """The source of a data set. Raises UserError for an unknown name, with the nearest one and the list."""
    if name in DATASETS:
        return DATASETS[name]
    known = (*DATASETS, *others)
    hint = f"did you mean {near}? " if (near := nearest(name, known)) else ""
    raise UserError(f"unknown data set '{name}': {hint}there are {', '.join(known)}")


def data_folder(data_dir: Path | str | None = None) -> tuple[Path, str]:
    """The data folder and what decided on it: "--data-dir", "UNDERBUDGET_DATA" or "platform cache folder"."""
    if data_dir is not None:
        return Path(data_dir).expanduser(), "--data-dir"
    if variable := os.environ.get(VARIABLE):
        return Path(variable).expanduser(), VARIABLE
    return cache_folder(), "platform cache folder"


def cache_folder() -> Path:
    """The folder where this platform keeps what a program can make again."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("underbudget", appauthor=False))


def homes(data_dir: Path | str | None = None) -> list[Path]:
    """The folders below which prepared data are looked for, the first first."""
    return list(dict.fromkeys((data_folder(data_dir)[0], cache_folder())))


def define(text: str, options: Mapping[str, Any], data_dir: Path | str | None = None) -> Definition:
    """What is meant by --dataset and the options of data that were given, as `kinds.define` says; a name that is not
    known is refused too.

    A built-in name comes first, then one that the user gave (whose options may be replaced), then a path.
    """
    if text not in DATASETS and (own := own_names.find(text, homes(data_dir))) is not None:
        given = kinds.given_options(options)
        return kinds.checked(
            replace(own.definition, options={**own.definition.options, **given}),
            given,
            kinds.KINDS[own.definition.kind].options,
        )
    definition = kinds.define(text, options, DATASETS)
    if definition.kind == NAMED:
        source(definition.source, [own.name for own in own_names.listing(homes(data_dir))])
    return definition


def prepare(
    what: str | Definition, data_dir: Path | None = None, log: Log = print, checksum: str | None = None
) -> Dataset:
    """Open a data set, by name or by its definition; the first time, download or read what it is made from, and write
    the store. Of a user's own data whose files are gone, the store with the `checksum` is taken if it is still there.

    Train and validation are compared with their checksums each time, the test part is left alone.
    Raises UserError for an unknown name, a corrupt file or store, no network, or folders that cannot be used.
    """
    folder, reason = data_folder(data_dir)
    if isinstance(what, Definition) and what.kind == ARRAYS:
        if (kept := stored(what.source, data_dir)) is None:
            raise UserError(
                f"the data {what.name}, which came from Python, are not below {folder} ({reason}): give them again by "
                "launch(STUDY, dataset=...), or the folder that has them by --data-dir"
            )
        cache.mark_used(kept.folder)
        verify(kept, ("train", "validation"))
        return preparing.described(kept, what)
    if isinstance(what, Definition) and what.kind != NAMED:
        if not Path(what.source).exists() and checksum and (copy := stored(checksum, data_dir)):
            log(f"note: {what} is not there any more: its prepared copy in {copy.folder} is used")
            verify(copy, ("train", "validation"))
            return preparing.described(copy, what)
        return _prepare_own(what, folder, reason, log)
    wanted = source(what.source if isinstance(what, Definition) else what)
    log(f"data folder: {folder} ({reason})")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"the data folder {folder} must be a folder, it is a file: name another one ({reason})")
    try:
        if wanted.files:  # before the store is looked for: a corrupt file is named even when it is not needed any more
            wanted.files.check(folder)
        home = _home(folder, wanted, log)
        store = _store(home, wanted)
        if not store.is_dir():
            return _write(wanted, folder, home, log)
        dataset = open_dataset(store)
        verify(dataset, ("train", "validation"))
        if dataset.info.classes != wanted.classes:
            raise damaged(store, "the classes in dataset.json were changed")
        return dataset
    except OSError as error:
        raise UserError(f"the data folder {folder} cannot be used ({error}): name another one by --data-dir") from error


def keep(data: object, options: Mapping[str, Any], data_dir: Path | None = None, log: Log = print) -> Definition:
    """Store data from Python (`python_data.arrays_of`) below the data folder, once, and give the definition by which
    they are found again. options: `layout` and `split_seed`, where they are not None. Raises UserError for data that
    make no data set."""
    from underbudget.search.data import arrays, python_data

    given = kinds.given_options(options)
    asked = kinds.checked(Definition(ARRAYS, "dataset", given), given, kinds.KINDS["npz"].options)
    examples = arrays.examples_of(python_data.arrays_of(data), given.get("layout"), asked.source)
    folder, reason = data_folder(data_dir)
    try:
        home = _own_home(folder, reason)
        definition = preparing.keep(asked, examples, home, log)
        _trim(home, log)
        return definition
    except OSError as error:
        raise UserError(f"the data folder {folder} cannot be used ({error}): name another one by --data-dir") from error


def _own_home(folder: Path, reason: str) -> Path:
    home = next((home for home in (folder, cache_folder()) if _writable(home)), None)
    if home is None:
        both = f"{folder} ({reason}) nor {cache_folder()}"
        raise UserError(f"neither {both} can be written: name a folder that can be by --data-dir")
    return home


def _prepare_own(definition: Definition, folder: Path, reason: str, log: Log) -> Dataset:
    try:
        home = _own_home(folder, reason)
        dataset = preparing.prepare(definition, home, log)
        cache.mark_used(dataset.folder)
        _trim(home, log)
        return dataset
    except OSError as error:
        raise UserError(f"{definition.source} cannot be prepared in {folder} ({error}): check both") from error


def add(name: str, definition: Definition, data_dir: Path | None = None, log: Log = print) -> Dataset:
    """Read a user's own data and give them a name that --dataset takes; another data set of that name is replaced.
    Raises UserError for names that cannot be given, and as `prepare` does."""
    own_names.check_name(name, tuple(DATASETS))
    if definition.kind == NAMED:
        raise UserError(f"{definition} has a name already: give the path of your own data")
    dataset = prepare(definition, data_dir, log)
    try:
        own_names.add(_own_home(*data_folder(data_dir)), name, definition, dataset.info.checksum)
    except OSError as error:
        raise UserError(f"the name {name} cannot be stored ({error}): name another folder by --data-dir") from error
    return dataset


def _trim(home: Path, log: Log) -> None:
    """Keep the stores under the limit that the user stated, if any."""
    if (most := cache.limit()) is not None:
        cache.trim([home], most, log)


def stored(checksum: str, data_dir: Path | None = None) -> Dataset | None:
    """The prepared store of a user's own data with this checksum, unverified; None where it is not there."""
    return next((store for home in homes(data_dir) if (store := preparing.store_of(checksum, home)) is not None), None)


def prepared(name: str, data_dir: Path | None = None) -> Dataset | None:
    """The data set `name`, unverified, None where it is not prepared. Raises UserError as `prepare`; writes nothing."""
    wanted = source(name)
    stores = (_store(home, wanted) for home in homes(data_dir))
    return next((open_dataset(store) for store in stores if store.is_dir()), None)


def _store(home: Path, wanted: Source) -> Path:
    return home / "prepared" / f"{wanted.name}-{wanted.key}"


def _home(folder: Path, wanted: Source, log: Log) -> Path:
    """The folder to download to and to prepare in: the data folder, or the cache where it cannot be written."""
    for home in (folder, cache_folder()):
        if _store(home, wanted).is_dir() or _writable(home):
            if home != folder:
                log(f"{folder} cannot be written: the prepared data set lies in {home}")
            return home
    raise UserError(f"neither {folder} nor {cache_folder()} can be written: name a folder that can be by --data-dir")


def _writable(home: Path) -> bool:
    """Tried by writing: permission bits do not show a read-only file system. Root respects them too."""
    try:
        if home.exists() and not home.stat().st_mode & 0o222:
            return False
        (home / "prepared").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home / "prepared"):
            return True
    except OSError:
        return False


def _write(wanted: Source, folder: Path, home: Path, log: Log) -> Dataset:
    folders = list(dict.fromkeys((folder, home)))
    if wanted.files and (missing := wanted.files.missing(folders)):
        wanted.files.download(home, missing, log)
    log(f"preparing {wanted.title}")
    given, *test = wanted.files.read(folders) if wanted.files else (read_digits(),)
    indices = stratified_split(given.labels, part_sizes(len(given.labels), wanted.split), SPLIT_SEED)
    split = [Part(given.images[chosen], given.labels[chosen]) for chosen in indices]
    parts = dict(zip(PARTS, (*split, *test), strict=True))
    dataset = write_dataset(_store(home, wanted), wanted.name, wanted.title, wanted.classes, parts)
    counts = ", ".join(f"{count:,} {part}" for part, count in dataset.info.counts.items())
    log(f"prepared {wanted.title}: {counts} images in {dataset.folder}")
    return dataset
