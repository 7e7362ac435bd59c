"""Finding studies that are there already, for reading."""

import shlex
from pathlib import Path

from underbudget.models.errors import UserError
from underbudget.models.files import real_path
from underbudget.reports.reading import read_study
from underbudget.reports.record import StudyRecord
from underbudget.reports.storage_url import parse_url, shown_url
from underbudget.search.study.location import DATABASE, RUNS, StudyLocation, locate_study


def read(where: StudyLocation) -> StudyRecord:
    """Read the study at a location. Raises UserError where there is none, naming the folder that was searched."""
    if where.storage is None and where.database is not None and not where.database.exists():
        runs = where.folder.parent
        known = [found.name for found in studies_in(runs)]
        hint = f"studies there: {', '.join(known[:5])}" if known else "there are no studies there"
        raise UserError(f"no study {where.name!r} in {real_path(runs)}: {hint}; look elsewhere with --runs")
    return read_study(where.url, where.name)


def find(name: str, runs: str | Path | None, storage: str | None) -> StudyLocation:
    """Where a study to read lies. In a storage it may have any name, also one that a new study may not have."""
    folder = Path(runs or RUNS)
    if storage is None:
        return locate_study(name, folder)
    parse_url(storage)
    return StudyLocation(name, folder / "".join(c if c.isalnum() or c in "._-" else "_" for c in name)[:64], storage)


def studies_in(runs: Path) -> list[Path]:
    """Folders of studies below a runs folder, by name."""
    return sorted(path.parent for path in runs.glob(f"*/{DATABASE}"))


def options(where: StudyLocation) -> str:
    """The options that find a study again, with a leading blank; passwords in a storage URL are left out."""
    runs = str(where.folder.parent)
    text = "" if runs == RUNS else f" --runs {shlex.quote(runs)}"
    return text if where.storage is None else f"{text} --storage {shlex.quote(shown_url(where.storage))}"


def shown_storage(where: StudyLocation) -> str:
    """Where a study lies, for people."""
    return str(where.folder) if where.storage is None else shown_url(where.storage)
