"""What a data set is made from: a set that the program knows by name, or a user's own files and how they are read.

A definition is plain data. It is stored in a study, so that every command finds the study's data again from any folder.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from underbudget.models.errors import UserError

NAMED = "named"
ARRAYS = "arrays"  # from Python
LAYOUTS = ("NHWC", "NCHW", "NHW", "NTC", "NCT")  # axes of arrays, see search.data.layouts
FEATURES = ("log-mel", "mfcc")  # what images are made of recordings, see models.export.sound

Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class Definition:
    """A data set before it is read. Equal definitions of unchanged files give equal stores."""

    kind: str  # NAMED, ARRAYS, or one of search.data.kinds.KINDS
    source: str  # the name of a named set, else an absolute path; of arrays from Python the checksum of their store
    options: Mapping[str, Any] = field(default_factory=dict)  # those of DataOptions that were given, by name

    @property
    def name(self) -> str:
        """A short name: made from the last part of the path."""
        if self.kind == NAMED:
            return self.source
        if self.kind == ARRAYS:
            return f"{ARRAYS}-{self.source[:8]}"
        words = re.sub(r"[^A-Za-z0-9.]+", "-", Path(self.source).stem).strip("-.")
        return words[:32] or self.kind

    def __str__(self) -> str:
        """As it is given to --dataset."""
        return self.source if self.kind == NAMED else f"{self.kind}:{self.source}"

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back."""
        return {"kind": self.kind, "source": self.source, **({"options": dict(self.options)} if self.options else {})}

    @classmethod
    def from_json(cls, value: Any) -> "Definition":
        """The inverse of `to_json`. Raises UserError for anything else."""
        match value:
            case {"kind": str(kind), "source": str(source)}:
                options = value.get("options", {})
                if isinstance(options, dict):
                    return cls(kind, source, options)
        raise UserError(f"the definition of a data set is a kind, a source and options, not {str(value)[:80]!r}")


def definition_of(dataset: Mapping[str, Any]) -> Definition:
    """What a data set as a study or a run stores it (DatasetInfo) is made from."""
    stored = dataset.get("definition")
    return named(str(dataset["name"])) if stored is None else Definition.from_json(stored)


def named(name: str) -> Definition:
    """The definition of a set that the program knows by name."""
    return Definition(NAMED, name)


def parse_size(text: str) -> Size:
    """Height and width of "32" or "48x64". Raises UserError for anything else."""
    height, cross, width = str(text).lower().partition("x")
    sides = (height, width if cross else height)
    if not all(side.isascii() and side.isdecimal() and 4 <= int(side) <= 1024 for side in sides):
        raise UserError(f"--image-size is N or HxW, each from 4 to 1024 pixels, not {str(text)[:40]!r}")
    return int(sides[0]), int(sides[1])


def check_label_pattern(name: str, pattern: str) -> None:
    """Raises UserError for what is no regular expression with a bracket."""
    try:
        has_bracket = re.compile(pattern).groups > 0
    except re.error as error:
        raise UserError(f"{name} is a regular expression, not {pattern!r} ({error})") from error
    if not has_bracket:
        raise UserError(f"{name} has a bracket around the label, as in '^([^_]+)_', {pattern!r} has none")
