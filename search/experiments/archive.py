"""Finished runs as files in a folder: a record in JSON and the weights of each."""

import logging
import tempfile
from dataclasses import replace
from pathlib import Path

from underbudget.models import weights
from underbudget.models.errors import UserError
from underbudget.reports.runs import Run, read_run
from underbudget.search.data.store import Dataset
from underbudget.search.experiments.run_spec import RunSpec, differences

log = logging.getLogger(__name__)


class Archive:
    """Where finished runs are kept."""

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        self.dataset, self.folder = dataset, folder

    def find(self, spec: RunSpec) -> Run | None:
        """The finished run, None where there is none. Raises UserError where it is one of other conditions."""
        path = self.folder / f"{spec.key}.json"
        if not path.exists():
            return None
        run = self._read(path, spec)
        if not self.has_weights(run, path.with_name(run.weights_file)):
            log.warning("the weights of %s are missing or changed: the run is trained again", path)
            return None
        return run

    def check(self) -> None:
        """Asked before a run's files are written: raises where they would get lost."""

    def keep(self, spec: RunSpec, run: Run) -> None:
        """Gets each new run once its files are written."""

    def has_weights(self, run: Run, file: Path) -> bool:
        """Whether a run's weights are there, unchanged."""
        return file.is_file() and weights.sha256(file.read_bytes()) == run.weights_sha256

    def check_others(self, spec: RunSpec) -> None:
        """Raises UserError where the folder holds a run of any seed whose conditions are other than those of `spec`:
        what is in one folder is shown and exported as one training."""
        for path in sorted(self.folder.glob("seed-*.json")):
            self._read(path, replace(spec, seed=read_run(path).seed))

    def _read(self, path: Path, spec: RunSpec) -> Run:
        run = read_run(path)
        if differing := differences(run, spec, self.dataset):
            raise UserError(
                f"{path} is a run of other conditions ({'; '.join(differing)}): give another --output, or remove it"
            )
        return run


def check_writable(folder: Path) -> None:
    """Make the folder, and raise UserError where nothing can be written to it: before hours of training, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"the folder {folder} cannot be written ({error.strerror}): give another") from error
