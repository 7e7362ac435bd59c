"""Writes the files of a report, each as a whole: a reader sees the old or the new one, never half."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from underbudget.models.errors import UserError
from underbudget.models.files import write_atomically
from underbudget.models.output import visible


def write_files(
    folder: Path, names: Mapping[str, str], contents: Mapping[str, str | bytes], advice: str = "give another --output"
) -> dict[str, Path]:
    """Write `contents`, in their order, into `folder`; returns the paths. `names` gives the file name of each key.

    Files of `names` without content are left from an earlier call and removed. Raises UserError, ending with `advice`,
    where the folder cannot be written.
    """
    try:
        for key, content in contents.items():
            write_atomically(folder / names[key], content.encode() if isinstance(content, str) else content)
        for key in names.keys() - contents.keys():
            (folder / names[key]).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror}): {advice}") from None
    return {key: folder / name for key, name in names.items() if key in contents}


def json_text(value: Any) -> str:
    """JSON for people and programs, indented, in UTF-8. Raises ValueError for a number that is not finite."""
    return visible(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def csv_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """CSV with a heading: `columns`, by default those of the first row. None is an empty cell."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns or list(rows[0] if rows else ()), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return visible(buffer.getvalue())
