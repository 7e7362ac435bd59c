"""Training by the C kernels: the plain loop's recipe, order, warps and initial weights, its own dropout masks."""

from collections.abc import Callable, Generator
from functools import partial

import torch
from torch import Tensor

from underbudget.models.build import build
from underbudget.models.plan import Plan
from underbudget.search.data.store import Dataset
from underbudget.search.training import schedule
from underbudget.search.training.averaging import average_of, held
from underbudget.search.training.evaluate import Evaluation
from underbudget.search.training.geometric_augmentation import random_matrices
from underbudget.search.training.loop import (
    EpochResult,
    OnStep,
    TrainingResult,
    TrainingStopped,
    follow,
    never,
    no_callback,
    resident,
)
from underbudget.search.training.native.library import library
from underbudget.search.training.native.network import Network
from underbudget.search.training.native.program import compile_plan
from underbudget.search.training.optimizers import optimizer_of, set_pace
from underbudget.search.training.pixel_augmentation import random_pixel_changes
from underbudget.search.training.randomness import Randomness
from underbudget.search.training.recipe import Recipe, resolve, timeline


def train(
    plan: Plan,
    recipe: Recipe,
    seed: int,
    dataset: Dataset,
    device: str = "cpu",
    should_stop: Callable[[], bool] = never,
    watch: OnStep = no_callback,
) -> Generator[EpochResult | TrainingResult, None, None]:
    """As `search.training.loop.train`, by the C kernels, on one thread of the CPU.

    Raises Unavailable or Unsupported where `search.training.backends.choose` would not choose this backend.
    """
    place = torch.device(device)
    images, labels = resident(dataset.part("train"), place)
    recipe = resolve(recipe, images=len(images), batch_size=recipe.batch_size)
    assert recipe.batch_size is not None  # resolved
    largest = min(recipe.batch_size + 1, len(images))  # a last batch of one image joins the batch before it
    program = compile_plan(plan, largest)
    randomness = Randomness(seed, place)
    with randomness.active():
        state = build(plan).state_dict()
        key = int(torch.randint(2**63 - 1, ()))
    info = dataset.info
    network = Network(program, state, info.input_shape, largest, info.mean, info.std, key)
    validation = resident(dataset.part("validation"), place)
    run = _Run(network, recipe, randomness, (images, labels), validation, list(state), watch)
    yield from follow(run, recipe, randomness, place, backend(), should_stop)


def backend() -> str:
    """How a run is computed, as a result's `backend` names it."""
    return f"cpu float32 native {library().isa} threads=1"


class _Run:
    def __init__(
        self,
        network: Network,
        recipe: Recipe,
        randomness: Randomness,
        training: tuple[Tensor, Tensor],
        validation: tuple[Tensor, Tensor],
        names: list[str],
        watch: OnStep = no_callback,
    ) -> None:
        self.watch = watch
        assert recipe.batch_size is not None  # resolved
        self.network, self.recipe, self.randomness = network, recipe, randomness
        self.images, self.labels = (tensor.contiguous() for tensor in training)
        self.validation = tuple(tensor.contiguous() for tensor in validation)
        self.batch_size, self.names = recipe.batch_size, names  # names: of the state dict, in its order
        self.timeline = timeline(recipe, len(self.images))
        self.steps = 0
        self.average = average_of(recipe, (network.parameters, network.buffers))
        self.monitored: list[float] = []  # validation losses of the epochs so far
        self.optimizer = None  # the kernels' own
        if recipe.optimizer != "sgd":
            network.parameters.grad = network.gradients
            self.optimizer = optimizer_of(recipe, [network.parameters])

    def epoch(self, epoch: int, should_stop: Callable[[], bool]) -> tuple[float, float]:
        recipe, count = self.recipe, len(self.images)
        order = torch.randperm(count, generator=self.randomness.order)
        size = (self.images.shape[-2], self.images.shape[-1])
        matrices = random_matrices(recipe.augmentation, count, size, self.randomness.augmentation)
        pixel_changes = random_pixel_changes(recipe.augmentation, count, size, self.randomness.augmentation)
        loss, hits = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.int64)
        steps = self.timeline.steps_per_epoch
        for index in range(steps):
            if should_stop():
                raise TrainingStopped
            batch = slice(index * self.batch_size, count if index == steps - 1 else (index + 1) * self.batch_size)
            rate, momentum = schedule.at(
                recipe.schedule, self.steps, self.timeline, recipe.lr, recipe.momentum, self.monitored
            )
            self.network.step(
                self.steps,
                self.images,
                self.labels,
                order[batch],
                None if matrices is None else matrices[batch],
                rate,
                momentum,
                recipe.weight_decay,
                recipe.nesterov,
                loss,
                hits,
                None if pixel_changes is None else pixel_changes[batch],
                recipe.label_smoothing,
                self.optimizer is None,
            )
            if self.optimizer is not None:
                set_pace(self.optimizer, rate, momentum)
                self.optimizer.step()
            if self.average:
                self.average.update()
            self.steps += 1
            self.watch(index + 1, steps, partial(_running, loss, hits, batch.stop))
        return _running(loss, hits, count)

    def validate(self) -> Evaluation:
        images, labels = self.validation
        with held(self.average):
            loss, confusion = self.network.evaluate(images, labels)
        self.monitored.append(loss / len(images))
        right = sum(row[label] for label, row in enumerate(confusion))
        return Evaluation(loss / len(images), 100 * right / len(images), confusion)

    def state(self) -> dict[str, Tensor]:
        with held(self.average):
            state = self.network.state()
        batches = torch.tensor(self.steps)  # what batch norm counts
        return {name: state.get(name, batches.clone()) for name in self.names}


def _running(loss: Tensor, hits: Tensor, count: int) -> tuple[float, float]:
    """(mean loss, percent right) over the first `count` images of an epoch."""
    return loss.item() / count, 100 * hits.item() / count
