"""One search on several seeds: `underbudget launch NAME --repeats 5` makes the studies NAME-s0 to NAME-s4.

All settings but the seed are the same, and the number of workers too, so that the studies are samples of one method.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from underbudget.models.errors import UserError
from underbudget.reports.reading import list_studies
from underbudget.reports.storage_url import sqlite_file
from underbudget.search.session import resolving
from underbudget.search.session.options import check
from underbudget.search.session.request import Request
from underbudget.search.session.resolving import Session
from underbudget.search.study import finding
from underbudget.search.study import opening as studies
from underbudget.search.study import settings as study_settings
from underbudget.search.study.location import RUNS, locate_study

_LONGEST = 64  # characters of a study's name


def prepare(request: Request, say: resolving.Say = resolving.log.info) -> list[Session]:
    """The sessions of a request with `repeats`, by seed; each resumes its study if that exists.

    What is not given is taken from the set's first existing study, else it is the default. Nothing is created. Raises
    UserError as `search.session.resolving.prepare` does, before anything is trained, for any of the studies.
    """
    check(request)
    assert request.repeats is not None, "a request for a set"
    base, runs = name_of(request), Path(request.runs or RUNS)
    known = _known(base, runs, request.storage)
    first = request.seed if request.seed is not None else min(known, default=0)
    last = first + request.repeats - 1
    if last >= 2**32:
        raise UserError(f"--seed {first} with --repeats {request.repeats} goes beyond 4294967295: give a smaller seed")
    longest = _LONGEST - len(f"-s{last}")
    if len(base) > longest:
        raise UserError(
            f"with --repeats a study name has at most {longest} characters, not {len(base)}: shorten {base}"
        )
    asked: Any = replace(request, repeats=None)
    if known and (stored := studies.stored_settings(locate_study(f"{base}-s{min(known)}", runs, request.storage))):
        asked = asked.over(replace(resolving.options_of(stored, request), space=stored.space.table()))
    found: list[Session] = []
    for seed in range(first, last + 1):
        session = resolving.prepare(replace(asked, study=f"{base}-s{seed}", seed=seed), say)
        first_one = found[0] if found else session
        alike = replace(session.settings, seed=first_one.settings.seed)
        if different := study_settings.differences(first_one.settings, alike):
            words = "; ".join(different).replace("the study has", "it has").replace("you asked for", "the other")
            raise UserError(
                f"the studies {first_one.location.name} and {session.location.name} would differ in more than their "
                f"seeds ({words}): give another name to the set"
            )
        # All have the same number of workers; it is measured, and everything said, only once.
        asked, say = replace(asked, workers=session.workers), lambda line: None
        found.append(replace(session, resume=request))
    return found


def name_of(request: Request) -> str:
    """What the studies of a set have in common."""
    name = resolving.find_location(request).name
    return name if request.study is not None else name[: _LONGEST - len(f"-s{2**32}")]


def _known(base: str, runs: Path, storage: str | None) -> list[int]:
    """Seeds of the existing studies of the set, from their names."""
    if storage is None:
        names = [folder.name for folder in finding.studies_in(runs)]
    else:
        file = sqlite_file(storage)
        if file is not None and not file.exists():
            return []
        try:
            names = list(list_studies(storage))
        except UserError:
            return []  # a database without tables; any other error comes again with the first search
    found = (re.fullmatch(rf"{re.escape(base)}-s(0|[1-9]\d*)", name) for name in names)
    return sorted(int(match[1]) for match in found if match)
