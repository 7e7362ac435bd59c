"""One job from start to end, as a stream of messages: the same code in process and in a worker process."""

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from underbudget.models.errors import UnderbudgetError
from underbudget.models.language import parse
from underbudget.models.plan import plan
from underbudget.search.engines.job import EpochDone, Failed, Finished, Job, Message, StepsDone

_TELL_SECONDS = 0.2  # between two StepsDone


def run(
    job: Job, should_stop: Callable[[], bool] = lambda: False, tell: Callable[[Message], None] | None = None
) -> Iterator[Message]:
    """Train a job's network, yielding EpochDone after each epoch and Finished or Failed at the end.

    Nothing is raised: an error becomes Failed. Closing the iterator ends the training. should_stop: asked before each
    optimiser step; once it says true, the training and the iterator end without a last message. tell: called with each
    StepsDone, in the middle of an epoch.
    """
    import safetensors.torch  # noqa: F401, now: where memory runs short during the training it could not be loaded

    from underbudget.models.weights import encode, to_text
    from underbudget.search.data.protocol import evaluated_part, under_protocol
    from underbudget.search.data.store import open_dataset
    from underbudget.search.training.backends import train
    from underbudget.search.training.evaluate import evaluate_states
    from underbudget.search.training.loop import EpochResult, no_callback
    from underbudget.search.training.recipe_json import from_json

    try:
        dataset = open_dataset(Path(job.dataset))
        if dataset.info.fingerprint != job.fingerprint:
            yield Failed(job.trial, f"the data set in {job.dataset} is not the study's: its description differs", False)
            return
        dataset = under_protocol(dataset, job.protocol)
        network, recipe = plan(parse(job.layers_text), dataset.info.input_shape, len(dataset.info.classes)), job.recipe
        on_step = _Steps(job.trial, tell) if tell is not None and job.detailed else no_callback
        states = []  # of every epoch under "confirm": all are evaluated at the end, in one access to the test labels
        for result in train(
            network, from_json(recipe), job.seed, dataset, job.device, job.backend, should_stop, on_step
        ):
            fields: dict[str, Any] = {name: value for name, value in vars(result).items() if name != "state"}
            if isinstance(result, EpochResult):
                if job.protocol == "confirm" and result.state is not None:
                    states.append((result.epoch, result.state()))
                yield EpochDone(job.trial, **fields)
                continue
            details: dict[str, Any] = {}
            if job.detailed:
                states, part = states or [(recipe["epochs"], result.state)], evaluated_part(job.protocol)
                evaluation = evaluate_states(
                    network, states, dataset, part, job.device, recipe.get("metric", "accuracy")
                )
                details = {"evaluation": evaluation, "mean": list(dataset.info.mean), "std": list(dataset.info.std)}
            yield Finished(job.trial, to_text(encode(result.state)), **fields, **details)
    except Exception as error:  # whatever a training raises costs this trial, not the search
        reason = str(error) if isinstance(error, UnderbudgetError) else _one_line(error)
        no_memory = is_out_of_memory(error)
        yield Failed(job.trial, reason, no_memory or isinstance(error, OSError), no_memory)


class _Steps:
    """Tells how far an epoch is, a few times a second: the `on_step` of a detailed job."""

    def __init__(self, trial: int, tell: Callable[[Message], None]) -> None:
        self._trial, self._tell, self._epoch = trial, tell, 0
        self._began = self._told = time.monotonic()

    def __call__(self, step: int, steps: int, running: Callable[[], tuple[float, float]]) -> None:
        now = time.monotonic()
        if step == 1:
            self._epoch += 1
            self._began = now
        if now - self._told >= _TELL_SECONDS or step == steps:
            self._told = now
            loss, accuracy = running()
            if math.isfinite(loss):  # NaN is no JSON
                self._tell(StepsDone(self._trial, self._epoch, step, steps, loss, accuracy, now - self._began))


def run_on_one_thread(job: Job, should_stop: Callable[[], bool] = lambda: False) -> Iterator[Message]:
    """As `run`, for a process that does other things too: torch has one thread only while it trains."""
    import torch

    messages = run(job, should_stop)
    while True:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            message = next(messages, None)
        finally:
            torch.set_num_threads(threads)
        if message is None:
            return
        yield message


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory was short: torch's CPU allocator says so only in the words of a RuntimeError."""
    words = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:300] or ("out of memory" if isinstance(error, MemoryError) else "")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
