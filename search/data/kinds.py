"""The kinds of data that a user may bring, and how a word of --dataset is told from another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from underbudget.models.errors import UserError
from underbudget.search.data import npz, picture_folder, sound_folder, tables
from underbudget.search.data.definition import ARRAYS, NAMED, Definition, named
from underbudget.search.data.examples import Kind

PICTURES = tables.OF_PICTURES
SOUNDS = ("sample_rate", "seconds", "features", "mels", "skip_bad_images")
SPLITS = ("group", "split_seed")

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "folder",
            "pictures in class folders: PATH/CLASS/..., or PATH/{train,val,test}/CLASS/...",
            (*PICTURES, "label_pattern", *SPLITS),
            (),
            picture_folder.files,
            picture_folder.read,
        ),
        Kind(
            "sound",
            "recordings (WAV) in class folders, or with the label in their names",
            (*SOUNDS, "label_pattern", *SPLITS),
            (),
            sound_folder.files,
            sound_folder.read,
        ),
        Kind(
            "npz",
            "arrays: x, y, or x_train, y_train, x_val, ... in a file of numpy.savez",
            ("layout", "split_seed"),
            (".npz",),
            npz.files,
            npz.read,
        ),
        Kind(
            "csv",
            "a table: columns file and label, also split and group; or of a sensor's values, with --window",
            (*PICTURES, *SPLITS, "label", "window", *tables.OF_SIGNALS),
            (".csv", ".tsv", ".csv.gz", ".parquet"),
            tables.files,
            tables.read,
        ),
    )
}


def define(text: str, options: Mapping[str, Any], known: Mapping[str, object]) -> Definition:
    """What a text given to --dataset means: a name in `known`, a path, or either with its kind before a colon.

    options: those of DataOptions that were given. Raises UserError for a path that is not there, a kind that can't be
    told, and options that the kind does not take.
    """
    given = given_options(options)
    kind, colon, source = text.partition(":")
    if kind == ARRAYS and colon:
        return checked(Definition(ARRAYS, source), given, ())
    if not colon or kind not in KINDS:
        if text in known or not _looks_like_path(text):
            return checked(named(text), given, ())
        kind, source = _kind_of(Path(text).expanduser()), text
    path = Path(source).expanduser().absolute()
    return checked(Definition(kind, str(path), given), given, KINDS[kind].options)


def _looks_like_path(text: str) -> bool:
    return "/" in text or "\\" in text or Path(text).suffix != "" or Path(text).exists()


def _kind_of(path: Path) -> str:
    """The kind of what lies at a path. Raises UserError where it is not there or can't be told."""
    try:
        if path.is_dir():
            return "sound" if sound_folder.holds_sounds(path) else "folder"
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise UserError(f"--dataset {str(path)!r} cannot be read ({error}): check the path") from error
    if not exists:
        raise UserError(f"--dataset {path}: there is no such file or folder, nor a data set of that name")
    for kind in KINDS.values():
        if path.name.lower().endswith(kind.endings or ("/",)):
            return kind.name
    raise UserError(f"--dataset {path} is of no kind that is known: say one of {', '.join(KINDS)}, as in npz:{path}")


def given_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that were given."""
    return {name: value for name, value in options.items() if value is not None and value is not False}


def checked(definition: Definition, given: Mapping[str, Any], taken: tuple[str, ...]) -> Definition:
    """The definition. Raises UserError for an option that data of its kind do not take."""
    for name in given:
        if name not in taken:
            kinds = [kind.name for kind in KINDS.values() if name in kind.options]
            what = definition.source if definition.kind in (NAMED, ARRAYS) else f"{definition.kind} {definition.source}"
            raise UserError(
                f"--{name.replace('_', '-')} belongs to data of the kind {' or '.join(kinds)}, not to {what}"
            )
    return definition
