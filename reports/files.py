"""Writes the set of files that a report is, each as a whole: who has one open sees the old or the new one."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from underbudget.models.errors import UserError
from underbudget.models.files import write_atomically


def write_files(
    folder: Path, names: Mapping[str, str], contents: Mapping[str, str | bytes], advice: str = "give another --output"
) -> dict[str, Path]:
    """Write `contents`, in their order, under the names that `names` has for their keys; the paths, in that of `names`.

    A file of `names` without content is one of an earlier call: it is removed. Raises UserError, ending with `advice`,
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
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def csv_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """CSV with a heading: `columns`, by default those of the first row. None is an empty cell."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns or list(rows[0] if rows else ()), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
