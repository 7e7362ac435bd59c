"""Training by the C kernels: the plain loop's recipe, order, warps and initial weights, its own dropout masks."""

import torch
from torch import Tensor

from underbudget.models.build import build
from underbudget.search.training.evaluate import Evaluation
from underbudget.search.training.loop import TrainingRun
from underbudget.search.training.native.library import library
from underbudget.search.training.native.network import Batch, Network, Sgd
from underbudget.search.training.native.program import compile_plan
from underbudget.search.training.optimizers import average_of, optimizer_of, set_pace


class NativeRun(TrainingRun):
    """The native backend, on one thread. Raises Unavailable where `choose` would not take it."""

    @staticmethod
    def describe(place: torch.device, captured: bool = True) -> str:
        return f"cpu float32 native {library().isa} threads=1"

    def set_up(self) -> None:
        self.images, self.labels = self.images.contiguous(), self.labels.contiguous()
        largest = min(self.batch_size + 1, len(self.images))  # a last batch of one image joins the batch before it
        program = compile_plan(self.plan, largest)
        with self.randomness.active():
            state = build(self.plan).state_dict()
            key = int(torch.randint(2**63 - 1, ()))
        self.names = list(state)
        self.network = Network(program, state, largest, self.info.mean, self.info.std, key, self.fill)
        self.average = average_of(self.recipe, (self.network.parameters, self.network.buffers))
        self.optimizer = None  # the kernels' own
        if self.recipe.optimizer != "sgd":
            self.network.parameters.grad = self.network.gradients
            self.optimizer = optimizer_of(self.recipe, [self.network.parameters])
        self.steps = 0

    def begin(self, epoch: int) -> None:
        super().begin(epoch)
        self.network.loss.zero_()
        self.network.hits.zero_()

    def advance(self, number: int, batch: slice, steps: int) -> None:
        drawn = (self.matrices, self.pixel_changes)
        matrices, changes = (None if rows is None else rows[batch] for rows in drawn)
        rate, momentum = self.pace(number)
        sgd = None if self.optimizer else Sgd(rate, momentum, self.recipe.weight_decay, self.recipe.nesterov)
        images = Batch(self.images, self.labels, self.order[batch], matrices, changes, self.class_weights)
        self.network.step(number, images, sgd, self.recipe.label_smoothing)
        if self.optimizer:
            set_pace(self.optimizer, rate, momentum)
            self.optimizer.step()
        if self.average:
            self.average.update()
        self.steps = number + 1

    def running(self, images: int) -> tuple[float, float]:
        return self.network.loss.item() / images, 100 * self.network.hits.item() / images

    def evaluate(self) -> Evaluation:
        images, labels = self.validation
        loss, confusion = self.network.evaluate(images.contiguous(), labels.contiguous())
        return Evaluation(loss / len(images), confusion)

    def state_dict(self) -> dict[str, Tensor]:
        state = self.network.state()
        batches = torch.tensor(self.steps)  # what batch norm counts
        return {name: state.get(name, batches.clone()) for name in self.names}
