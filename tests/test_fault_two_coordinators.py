"""Two coordinators of one study: the second is refused, by whatever path it comes, and changes nothing."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from faults import NAME, begin, check_complete, check_kept, instant, request, search_instantly

from underbudget.models.errors import UserError
from underbudget.search.data.store import Dataset


@pytest.fixture(scope="module")
def searched(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A runs folder in which a search is running, and links to it beside it."""
    folder = tmp_path_factory.mktemp("searched")
    runs = folder / "runs"
    before = begin(runs, digits)
    (folder / "linked-runs").symlink_to(runs)
    (folder / "other").mkdir()
    (folder / "other" / NAME).symlink_to(runs / NAME)
    (folder / "link.db").symlink_to(runs / NAME / "study.db")
    (folder / "renamed" / NAME).mkdir(parents=True)
    (folder / "renamed" / NAME / "study.db").symlink_to(runs / NAME / "study.db")
    with instant(request(runs, digits, 1_000_000), "pause = 0.2") as launch:
        launch.until("epoch")
        yield folder
        assert launch.process.poll() is None
        launch.process.terminate()
        assert launch.end(130) == ""
    check_kept(runs / NAME / "study.db", before)
    assert search_instantly(request(runs, digits, 6)).reached
    check_complete(runs / NAME, before, 6)


@pytest.mark.parametrize(
    ("runs", "storage"),
    [
        ("runs", None),
        ("runs/../runs", None),
        ("linked-runs", None),
        ("other", None),
        ("renamed", None),
        ("elsewhere", "sqlite:///{folder}/runs/toy/study.db"),
        ("elsewhere", "sqlite+pysqlite:///{folder}/linked-runs/../runs/toy/study.db"),
        ("elsewhere", "sqlite:///{folder}/link.db"),
        ("elsewhere", "sqlite:///runs/toy/study.db"),
        ("runs", "sqlite:///{folder}/new.db"),
    ],
)
def test_a_second_coordinator(
    runs: str, storage: str | None, searched: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(searched)
    url = None if storage is None else storage.format(folder=searched)
    with pytest.raises(UserError, match="is being searched by another process") as no:
        search_instantly(request(Path(runs), digits, 5, storage=url))
    assert "\n" not in str(no.value)
    holder = re.match(r"Held by process (\d+) on host (\S+) ", (searched / "runs/toy/study.db.lock").read_text())
    assert holder is not None
    assert f"(process {holder[1]} on host {holder[2]})" in str(no.value)
    assert holder[2] == socket.gethostname()
    assert psutil.Process(int(holder[1])).cmdline()[1].endswith("instant.py")
    assert not (searched / "new.db").exists()


def test_a_hard_link_is_refused_too(searched: Path, digits: Dataset) -> None:
    hard = searched / "hard.db"
    os.link(searched / "runs" / NAME / "study.db", hard)
    try:
        with pytest.raises(UserError, match="hard links"):
            search_instantly(request(searched / "elsewhere", digits, 5, storage=f"sqlite:///{hard}"))
    finally:
        hard.unlink()


@pytest.mark.parametrize("url", ["sqlite:///file:{file}?uri=true", "sqlite:///file:{file}?mode=rwc&uri=true"])
def test_a_spelling_that_the_lock_would_not_see_is_refused(url: str, searched: Path, digits: Dataset) -> None:
    file = searched / "runs" / NAME / "study.db"
    with pytest.raises(UserError, match="sqlite:///"):
        search_instantly(request(searched / "elsewhere", digits, 5, storage=url.format(file=file)))
