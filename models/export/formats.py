"""The formats that a network is exported in: one module each, imported when it is asked for.

A new format is a module with `write`, `verify` and `load`, and one line in FORMATS;
`models.export.verify.write_verified` writes any of them.
"""

import importlib
import importlib.util
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models.errors import UnavailableError, UserError, nearest, quoted
from underbudget.models.export.recordings import check_frontend, check_signal

if TYPE_CHECKING:
    from torch import Tensor

    from underbudget.models.export.contents import Export

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
    frontend: Mapping[str, Any] | None = None  # how an image is made of raw data; None: as any picture is fitted

    @classmethod
    def of(cls, logits: "Callable[[Tensor], Tensor]", facts: Mapping[str, Any]) -> "Model":
        """A network and what its file says of it (`contents.description`). Raises KeyError, TypeError or ValueError for
        anything else."""
        shape, classes, background = tuple(facts["input_shape"]), tuple(facts["classes"]), facts["background"]
        if len(shape) != 3 or not all(isinstance(size, int) and size > 0 for size in shape):
            raise ValueError(f"input_shape is {shape!r}"[:200])
        if not all(isinstance(name, str) for name in classes) or background not in ("dark", "light", "any"):
            raise ValueError("classes or background are not what an export writes")
        frontend = facts.get("frontend")
        if frontend is not None and frontend["kind"] == "sound":
            check_frontend(frontend, shape)
        if frontend is not None and frontend["kind"] == "signal":
            check_signal(frontend, shape)
        return cls(logits, shape, background, classes, facts["metadata"], frontend)

    def take(self, path: Path) -> "tuple[Tensor, list[str]]":
        """What is in a file, a picture or a recording, as the network takes it: a batch of one, pixels 0..255, and what
        was done to it. Raises OSError or ValueError for a file that cannot be read."""
        if self.frontend is not None and self.frontend["kind"] == "sound":
            from underbudget.models.export import sound

            return sound.fit(sound.read(path), dict(self.frontend))
        if self.frontend is not None and self.frontend["kind"] == "signal":
            from underbudget.models.export import window

            frontend = dict(self.frontend)
            return window.fit(window.read(path, frontend), frontend, self.input_shape)
        if self.frontend is not None and self.frontend["kind"] == "values":
            raise ValueError("the network was trained on values that no picture holds: use it from Python")
        from underbudget.models.export import picture

        return picture.fit(picture.read(path, self.input_shape[0]), self.input_shape, self.background)


@dataclass(frozen=True)
class Format:
    """How one format is written, verified and read: by the functions of its module, imported when one is asked for."""

    name: str  # as on the command line
    suffix: str  # of its file; "" for a folder
    about: str  # one line
    module: str  # in models.export
    needs: Sequence[str] = ()  # packages that are not among the program's own
    marker: str = ""  # of a folder: a file in it that tells the format

    def _of_module(self, name: str, default: Any = None) -> Any:
        return getattr(importlib.import_module(f"underbudget.models.export.{self.module}"), name, default)

    def write(self, export: "Export", path: Path, name: str) -> None:
        """Make the file or folder at `path`, which does not exist yet and may have any name; `name` is the one that it
        will have, without its ending."""
        self._of_module("write")(export, path, name)

    def verify(self, export: "Export", draft: Path, path: Path) -> Verification:
        """Load the draft in a fresh process and compare it with the network of `models.build`; `path` is the name to
        speak of. Raises UnderbudgetError, saying what differs."""
        found: Verification = self._of_module("verify")(export, draft, path)
        return found

    @property
    def load(self) -> Callable[[Path], Model] | None:
        """Reads the network of a file; None for a format that holds no weights."""
        found: Callable[[Path], Model] | None = self._of_module("load")
        return found

    @property
    def options(self) -> Mapping[str, Callable[[object], object]]:
        """Options of this format alone, by name, each with a function that raises UserError for a bad value."""
        found: Mapping[str, Callable[[object], object]] = self._of_module("OPTIONS", {})
        return found

    def usage(self, path: Path, example: str = "picture.png") -> list[str]:
        """Commands to type next, for a file of this format; example: the name of a file that the network takes."""
        predict = [f"underbudget predict {shlex.quote(str(path))} {example}"]
        return list(self._of_module("usage", lambda path, example: predict)(path, example))

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


FORMATS = (
    Format("py", ".py", "one readable Python file that needs torch alone", "python"),
    Format(
        "safetensors",
        "",
        "a folder as model hubs expect it: safetensors, config.json, model card",
        "hub",
        marker="config.json",
    ),
    Format("pt2", ".pt2", "a torch.export program, batch of any size, normalisation inside", "program"),
    Format(
        "onnx", ".onnx", "one ONNX file, batch of any size, normalisation inside", "onnx_file", ("onnx", "onnxruntime")
    ),
    Format("ipynb", ".ipynb", "a notebook that trains the network anew with its recipe", "notebook"),
    Format(
        "c",
        "",
        "C99 for a microcontroller, float32 and int8: header, source and test program",
        "c.format",
        marker="c-export.json",
    ),
)


def find(name: str) -> Format:
    """A format by its name. Raises UserError, offering the nearest, for any other name."""
    for format in FORMATS:
        if format.name == name:
            return format
    names = [format.name for format in FORMATS]
    near = nearest(name, names)
    hint = f"did you mean {near}? " if near else ""
    raise UserError(f"unknown format {quoted(name)}: {hint}there are {', '.join(names)} and {ALL}")


def of(path: Path) -> Format:
    """The format of an exported file or folder. Raises UserError where there is none, or none of these."""
    if not path.exists():
        raise UserError(f"there is no file {path}: give one that underbudget export wrote")
    for known in FORMATS:
        if known.recognises(path):
            return known
    files = ", ".join(known.suffix for known in FORMATS if not known.is_folder)
    folders = ", ".join(f"{known.marker} ({known.name})" for known in FORMATS if known.is_folder)
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
