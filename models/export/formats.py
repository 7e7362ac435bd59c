"""The formats that a network is exported in: one module each, loaded when it is asked for.

A new format is a module with a `Format` called FORMAT and one line in MODULES. `models.export.verify.write_verified`
writes any of them.
"""

import difflib
import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models.errors import UnavailableError, UserError

if TYPE_CHECKING:
    from torch import Tensor

    from underbudget.models.export.contents import Export

MODULES = {
    "py": "underbudget.models.export.python",
    "safetensors": "underbudget.models.export.hub",
    "pt2": "underbudget.models.export.program",
    "onnx": "underbudget.models.export.onnx_file",
    "ipynb": "underbudget.models.export.notebook",
    "c": "underbudget.models.export.c.format",
}
ALL = "all"


@dataclass(frozen=True)
class Verification:
    """What a fresh process found in an exported file."""

    path: Path
    bytes: int  # size of the file, or of all files of a folder
    parameters: int  # counted on what was loaded, equal to the plan's
    samples: int  # validation images whose logits were compared with those of `models.build`; 0: it holds no weights
    said: str  # how they compare, in words
    lines: tuple[str, ...] = ()  # what else the format has to report


@dataclass(frozen=True)
class Model:
    """A network loaded from an exported file, whatever its format."""

    logits: "Callable[[Tensor], Tensor]"  # float32 pixels 0..255 (n, channels, height, width) -> float32 (n, classes)
    input_shape: tuple[int, int, int]  # (channels, height, width)
    background: str  # of the training pictures: dark, light or any
    classes: tuple[str, ...]  # names, by label
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Format:
    """How one format is written, verified and read."""

    name: str  # as on the command line
    suffix: str  # of its file; "" for a folder
    about: str  # one line
    write: "Callable[[Export, Path, str], None]"
    """(export, path, name): make the file or folder at `path`, which does not exist yet and may have any name; `name`
    is the one that it will have, without its ending."""
    verify: "Callable[[Export, Path, Path], Verification]"
    """(export, draft, path): load the draft in a fresh process and compare it with the network of `models.build`;
    `path` is the name to speak of. Raises UnderbudgetError, saying what differs."""
    load: Callable[[Path], Model] | None  # None: it holds no weights
    usage: Callable[[str], list[str]]  # commands to type next, for the path as a shell takes it
    needs: Sequence[str] = ()  # packages that are not among the program's own
    marker: str = ""  # of a folder: a file in it that tells the format
    options: Mapping[str, Callable[[object], object]] = field(default_factory=dict)
    """Options that it takes beside the others, by the name of `Export.options`: what raises UserError for a value that
    is none."""

    @property
    def is_folder(self) -> bool:
        return not self.suffix

    def recognises(self, path: Path) -> bool:
        """Whether a path looks like this format."""
        return (path / self.marker).is_file() if self.is_folder else path.is_file() and path.suffix == self.suffix

    def missing(self) -> list[str]:
        """Packages that it needs and that are not installed."""
        return [package for package in self.needs if importlib.util.find_spec(package) is None]

    def check_installed(self) -> None:
        """Raises UnavailableError where a package is missing."""
        if missing := self.missing():
            words = f"{' and '.join(missing)}, which {'are' if len(missing) > 1 else 'is'} not installed"
            raise UnavailableError(f"the format {self.name} needs {words}: pip install {' '.join(missing)}")


def find(name: str) -> Format:
    """A format by its name. Raises UserError, offering the nearest, for any other name."""
    if name not in MODULES:
        near = difflib.get_close_matches(name.lower(), MODULES, 1, 0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UserError(f"unknown format {name[:40]!r}: {hint}there are {', '.join(MODULES)} and {ALL}")
    found: Format = importlib.import_module(MODULES[name]).FORMAT
    return found


def every() -> list[Format]:
    """All formats."""
    return [find(name) for name in MODULES]


def of(path: Path) -> Format:
    """The format of an exported file or folder. Raises UserError where there is none, or none of these."""
    if not path.exists():
        raise UserError(f"there is no file {path}: give one that underbudget export wrote")
    for known in every():
        if known.recognises(path):
            return known
    files = ", ".join(known.suffix for known in every() if not known.is_folder)
    folders = ", ".join(f"{known.marker} ({known.name})" for known in every() if known.is_folder)
    raise UserError(f"{path} is no exported network: the endings are {files}, or a folder holds {folders}")
