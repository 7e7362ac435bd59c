"""Finding studies that are there already, for reading."""

import shlex
from pathlib import Path

from underbudget.models.errors import UserError
from underbudget.reports.reading import read_study
from underbudget.reports.record import StudyRecord
from underbudget.reports.storage_url import parse_url, shown_url
from underbudget.search.study import locks
from underbudget.search.study.location import StudyLocation, locate_study


def read(where: StudyLocation) -> StudyRecord:
    """The study of a place. Raises UserError, naming the folder that was searched, where there is none."""
    if where.storage is None and where.database is not None and not where.database.exists():
        runs = where.folder.parent
        known = [found.name for found in studies_in(runs)]
        hint = f"studies there: {', '.join(known[:5])}" if known else "there are no studies there"
        raise UserError(f"no study {where.name!r} in {runs.resolve()}: {hint}; look elsewhere with --runs")
    return read_study(where.url, where.name)


def find(name: str, runs: str | Path | None, storage: str | None) -> StudyLocation:
    """The place of a study that is to be read. Any name is looked for in a storage, also one that we would not give."""
    folder = Path(runs or "runs")
    if storage is None:
        return locate_study(name, folder)
    parse_url(storage)
    return StudyLocation(name, folder / "".join(c if c.isalnum() or c in "._-" else "_" for c in name)[:64], storage)


def is_searched(where: StudyLocation) -> bool:
    """Whether a coordinator has the study now; False too where that cannot be found out."""
    return locks.is_held(where)


def studies_in(runs: Path) -> list[Path]:
    """Folders of studies below a runs folder, by name."""
    return sorted(path.parent for path in runs.glob("*/study.db"))


def options(where: StudyLocation) -> str:
    """The options that find a study again, with a leading blank; a password in a storage URL is left out."""
    runs = str(where.folder.parent)
    text = "" if runs == "runs" else f" --runs {shlex.quote(runs)}"
    return text if where.storage is None else f"{text} --storage {shlex.quote(shown_url(where.storage))}"


def shown_storage(where: StudyLocation) -> str:
    """Where a study lies, for people."""
    return str(where.folder) if where.storage is None else shown_url(where.storage)
