"""One job from start to end, as a stream of messages: the same code in process and in a worker process."""

from collections.abc import Callable, Iterator
from pathlib import Path

from models.errors import UnderbudgetError
from models.language import parse
from models.plan import plan
from search.engines.job import EpochDone, Failed, Finished, Job, Message


def run(job: Job, halted: Callable[[], bool] = lambda: False) -> Iterator[Message]:
    """Train a job's network, yielding EpochDone after each epoch and Finished or Failed at the end.

    Nothing is raised: an error becomes Failed. Closing the iterator ends the training. halted: asked before each
    optimiser step; once it says true, the training and the iterator end without a last message.
    """
    from models.weights import encode, to_text
    from search.data.store import open_dataset
    from search.training.loop import EpochResult
    from search.training.paths import train
    from search.training.recipe import from_json

    try:
        dataset = open_dataset(Path(job.dataset))
        if dataset.info.checksum != job.checksum:
            yield Failed(job.trial, f"the data set in {job.dataset} is not the study's: its checksum differs", False)
            return
        network = plan(parse(job.layers_text), dataset.info.input_shape, len(dataset.info.classes))
        training = train(network, from_json(job.recipe), job.seed, dataset, job.device, job.path, halted)
        for part in training:
            if isinstance(part, EpochResult):
                yield EpochDone(
                    job.trial,
                    part.epoch,
                    part.train_loss,
                    part.train_accuracy,
                    part.val_loss,
                    part.val_accuracy,
                    part.seconds,
                )
            else:
                yield Finished(
                    job.trial,
                    to_text(encode(part.state)),
                    part.confusion,
                    part.seconds,
                    part.path,
                    part.device,
                    part.hardware,
                    part.versions,
                )
    except Exception as error:  # whatever a training raises costs this trial, not the search
        reason = str(error) if isinstance(error, UnderbudgetError) else _one_line(error)
        no_memory = is_out_of_memory(error)
        yield Failed(job.trial, reason, no_memory or isinstance(error, OSError), no_memory)


def run_on_one_thread(job: Job) -> Iterator[Message]:
    """As `run`, for a process that does other things too: torch has one thread while it trains, as in a worker, and
    its former number between two messages."""
    import torch

    messages = run(job)
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
    """Whether memory was short. torch says so in words: a RuntimeError of its CPU allocator, one class for GPUs."""
    words = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
