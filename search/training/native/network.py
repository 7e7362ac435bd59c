"""A network in training by the C kernels: its state in two flat arrays, one call per step."""

import ctypes
import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from underbudget.models.errors import UnderbudgetError
from underbudget.search.training.native.library import library
from underbudget.search.training.native.program import Layer, Program, fields


class Net(ctypes.Structure):
    """A network as network.inc.h declares it."""

    _fields_ = (
        *fields(void_p="layers parameters gradients momentum buffers pixel_mean pixel_scale pixel_fill"),
        *fields(int64="parameter_count", uint64="key", int32="count batch classes channels height width"),
        *fields(uint64="step", void_p="arena nodes input padded delta canvas warped"),
    )


class StepArguments(ctypes.Structure):
    """One step as network.inc.h declares it."""

    _fields_ = (
        *fields(
            void_p="images labels index matrices pixel_changes class_weights loss hits",
            double="smoothing",
            int64="number",
        ),
        *fields(int32="count columns apply_update nesterov", float="rate momentum decay"),
    )


class Batch(NamedTuple):
    """The images of one step."""

    images: Tensor  # all images, uint8
    labels: Tensor  # of all images, int64
    chosen: Tensor  # numbers of the step's images, int64
    matrices: Tensor | None = None  # float32 (len(chosen), 3, 3), from output to input positions
    pixel_changes: Tensor | None = None  # float32 (len(chosen), columns), as `pixel_augmentation` draws them
    class_weights: Tensor | None = None  # of the loss, float32 (classes,)


class Sgd(NamedTuple):
    """How SGD changes the parameters."""

    rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False


class Network:
    """Parameters, running statistics, momentum and the memory of one step. Not for several threads at once.

    Tensors passed in are contiguous, on the CPU, of the type named.
    """

    def __init__(
        self,
        program: Program,
        state: Mapping[str, Tensor],
        batch_size: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        key: int,
        fill: Tensor | None = None,
    ) -> None:
        """state: initial values by their names in the state dict; mean and std: per channel, of pixels in 0..1;
        batch_size: images of the largest step; key: 64 bits that dropout's random numbers follow from; fill: of what
        comes in from outside or is erased, pixels per channel, None for black.
        """
        self.program = program
        nothing = torch.zeros(0)
        self.parameters = torch.cat([nothing, *(state[name].detach().flatten() for name in program.parameters)])
        self.buffers = torch.cat([nothing, *(state[name].detach().flatten() for name in program.buffers)])
        self.gradients = torch.zeros_like(self.parameters)
        self.momentum = torch.zeros_like(self.parameters)
        self.mean = torch.tensor(mean) * 255
        self.scale = 1 / (torch.tensor(std) * 255)
        self.fill = torch.zeros(len(mean)) if fill is None else fill.flatten().contiguous()
        # Summed cross-entropy (nats) and right answers of the steps since they were last set to zero.
        self.loss, self.hits = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.int64)
        self._functions = library().functions
        sizes = (self._functions.size_of_layer(), self._functions.size_of_net(), self._functions.size_of_step())
        assert sizes == tuple(map(ctypes.sizeof, (Layer, Net, StepArguments)))
        self.classes = program.nodes[-1].channels
        self._layers = (Layer * len(program.nodes))(*program.nodes)
        arrays = (self.parameters, self.gradients, self.momentum, self.buffers, self.mean, self.scale, self.fill)
        net = Net(
            ctypes.addressof(self._layers),
            *(array.data_ptr() for array in arrays),
            len(self.parameters),
            key % 2**64,
            *(len(program.nodes), batch_size, self.classes, *program.input_shape),
        )
        self._pointer = ctypes.pointer(net)  # keeps it alive
        if not self._functions.allocate(self._pointer):
            raise UnderbudgetError("out of memory: the network's maps do not fit, try a smaller batch (--batch-size)")

    def step(self, number: int, batch: Batch, sgd: Sgd | None, smoothing: float = 0.0) -> None:
        """Step `number` of the run, from 0. sgd: None works out the gradients only; smoothing: of the labels."""
        tensors = (*batch, self.loss, self.hits)
        pointers = (None if tensor is None else tensor.data_ptr() for tensor in tensors)
        rate, momentum, decay, nesterov = sgd or Sgd(0)
        columns = 0 if batch.pixel_changes is None else batch.pixel_changes.shape[1]
        numbers = (smoothing, number, len(batch.chosen), columns, sgd is not None, nesterov, rate, momentum, decay)
        self._functions.train_step(self._pointer, ctypes.byref(StepArguments(*pointers, *numbers)))

    def evaluate(self, images: Tensor, labels: Tensor) -> tuple[float, list[list[int]]]:
        """(summed cross-entropy in nats, counts [true][predicted]) in eval mode, for uint8 images and int64 labels."""
        loss = torch.zeros((), dtype=torch.float64)
        counts = torch.zeros(self.classes, self.classes, dtype=torch.int64)
        self._functions.evaluate(
            self._pointer, images.data_ptr(), labels.data_ptr(), len(images), loss.data_ptr(), counts.data_ptr()
        )
        return loss.item(), counts.tolist()

    def state(self) -> dict[str, Tensor]:
        """Parameters and running statistics by their names in the state dict; copies."""
        program = self.program
        views = views_of(self.parameters, program.parameters) | views_of(self.buffers, program.buffers)
        return {name: view.clone() for name, view in views.items()}

    def inputs(self, count: int) -> Tensor:
        """What the last step fed the network: (count, channels, height, width), warped and normalised."""
        first = self.program.nodes[0]
        result = torch.empty(count, first.in_channels * first.in_height * first.in_width)
        self._functions.read_input(self._pointer, count, result.data_ptr())
        return result

    def dropout(self, step: int, node: int, gate: int, count: int) -> Tensor:
        """Factors of a node's dropout (gate 1 or 2) at a step: (count, channels, height, width)."""
        layer = self.program.nodes[node]
        result = torch.empty(count, layer.channels, layer.height, layer.width)
        self._functions.read_dropout(self._pointer, step, node, gate, count, result.data_ptr())
        return result

    def __del__(self) -> None:
        if hasattr(self, "_pointer"):
            self._functions.release(self._pointer)


def views_of(flat: Tensor, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The tensors that lie one after the other in a flat one."""
    parts = torch.split(flat, [math.prod(shape) for shape in shapes.values()])
    return {name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
