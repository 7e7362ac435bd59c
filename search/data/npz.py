"""Arrays in a file that `numpy.savez` wrote. Pickled objects in it are never unpickled."""

import zipfile
import zlib

import numpy as np

from underbudget.models.errors import UserError
from underbudget.search.data.arrays import Array, examples_of, place_of
from underbudget.search.data.definition import Definition
from underbudget.search.data.examples import Examples, Say


def files(definition: Definition) -> list[str]:
    """The one file."""
    return [definition.source]


def read(definition: Definition, say: Say) -> Examples:
    """Load the arrays that are needed. Raises UserError for a file that cannot be read, and as `examples_of` does."""
    return examples_of(_load(definition.source), definition.options.get("layout"), definition.source)


def _load(path: str) -> dict[str, Array]:
    member = ""
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise UserError(
                    f"{path} holds one array: save examples and labels together, numpy.savez(FILE, x=x, y=y)"
                )
            arrays = {}
            for member in file.files:
                is_wanted = place_of(member) is not None or member == "classes"
                arrays[member] = file[member] if is_wanted else np.empty(0)
            return arrays
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        RuntimeError,
        MemoryError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        what = f"{path}: {member}" if member else path
        if "allow_pickle" in str(error) or "pickle" in str(error):
            raise UserError(f"{what} holds pickled objects, which are never unpickled: save plain arrays") from error
        raise UserError(f"{what} cannot be read ({' '.join(str(error).split())[:200]}): save it again") from error
