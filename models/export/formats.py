"""The formats that a network is exported in: one module each, loaded when it is asked for.

A new format is a module with a `Format` called FORMAT and one line in MODULES. `models.export.verify.write_verified`
writes any of them.
"""

import importlib
import importlib.util
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models.errors import UnavailableError, UserError, nearest, quoted

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

    @classmethod
    def of(cls, logits: "Callable[[Tensor], Tensor]", facts: Mapping[str, Any]) -> "Model":
        """A network and what its file says of it (`contents.description`). Raises KeyError or TypeError for less."""
        shape, classes = tuple(facts["input_shape"]), tuple(facts["classes"])
        return cls(logits, shape, facts["background"], classes, facts["metadata"])


def _predict(path: Path) -> list[str]:
    return [f"underbudget predict {shlex.quote(str(path))} picture.png"]


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
    usage: Callable[[Path], list[str]] = _predict  # commands to type next, for a file of this format
    needs: Sequence[str] = ()  # packages that are not among the program's own
    marker: str = ""  # of a folder: a file in it that tells the format
    options: Mapping[str, Callable[[object], object]] = field(default_factory=dict)
    """Options of this format alone, by their name in `Export.options`: what raises UserError for a bad value."""

    @property
    def is_folder(self) -> bool:
        return not self.suffix

    def recognises(self, path: Path) -> bool:
        """Whether a path looks like this format."""
        return (path / self.marker).is_file() if self.is_folder else path.is_file() and path.suffix == self.suffix

    def check_installed(self) -> None:
        """Raises UnavailableError where a package is missing."""
        if missing := [package for package in self.needs if importlib.util.find_spec(package) is None]:
            words = f"{' and '.join(missing)}, which {'are' if len(missing) > 1 else 'is'} not installed"
            raise UnavailableError(f"the format {self.name} needs {words}: pip install {' '.join(missing)}")


def find(name: str) -> Format:
    """A format by its name. Raises UserError, offering the nearest, for any other name."""
    if name not in MODULES:
        near = nearest(name, MODULES)
        hint = f"did you mean {near}? " if near else ""
        raise UserError(f"unknown format {quoted(name)}: {hint}there are {', '.join(MODULES)} and {ALL}")
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


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """A context in which a file is read: raises UserError, whatever is wrong with it."""
    try:
        yield
    except Exception as error:  # foreign content; onnxruntime's exceptions have no base of their own
        what = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is no {kind} that underbudget exported ({what}): export it again") from error


def check_weights(path: Path, stored: str, found: str) -> None:
    """Raises UserError where the checksum of a file's weights is not the one that the file states."""
    if found != stored:
        raise UserError(f"the weights in {path} do not match their checksum: the file was changed, export it again")
