"""A network in training by the C kernels: its state in two flat arrays, one call per step."""

import ctypes
from collections.abc import Mapping

import torch
from torch import Tensor

from underbudget.models.errors import UnderbudgetError
from underbudget.search.training.native.library import library
from underbudget.search.training.native.program import Layer, Program


class Network:
    """Parameters, running statistics, momentum and the memory of one step.

    Not for use by several threads at once. The tensors passed in are CPU tensors, contiguous, of the type named.
    """

    def __init__(
        self,
        program: Program,
        state: Mapping[str, Tensor],
        input_shape: tuple[int, ...],
        batch_size: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        key: int,
    ) -> None:
        """state: initial values by their names in the state dict; mean and std: per channel, of pixels in 0..1;
        batch_size: images of the largest step; key: 64 bits that dropout's random numbers follow from.
        """
        self.program = program
        self.parameters = _flat(program.parameters, program.parameter_count, state)
        self.buffers = _flat(program.buffers, program.buffer_count, state)
        self.gradients = torch.zeros_like(self.parameters)
        self.momentum = torch.zeros_like(self.parameters)
        self.classes = program.nodes[-1].channels
        self.mean = torch.tensor(mean) * 255
        self.scale = 1 / (torch.tensor(std) * 255)
        self._functions = library().functions
        assert self._functions.size_of_layer() == ctypes.sizeof(Layer)
        self._net = self._functions.create(
            (Layer * len(program.nodes))(*program.nodes),
            len(program.nodes),
            batch_size,
            *input_shape,
            *(tensor.data_ptr() for tensor in (self.parameters, self.gradients, self.momentum)),
            program.parameter_count,
            *(tensor.data_ptr() for tensor in (self.buffers, self.mean, self.scale)),
            key % 2**64,
        )
        if not self._net:
            raise UnderbudgetError("out of memory: the network's maps do not fit, try a smaller batch (--batch)")

    def step(
        self,
        number: int,
        images: Tensor,
        labels: Tensor,
        index: Tensor,
        matrices: Tensor | None,
        rate: float,
        momentum: float,
        weight_decay: float,
        nesterov: bool,
        loss: Tensor,
        hits: Tensor,
        pixel_changes: Tensor | None = None,
        smoothing: float = 0.0,
        apply_update: bool = True,
    ) -> None:
        """One step of SGD over the images numbered `index` (int64).

        number: of the step, from 0; images: all images, uint8; labels: of all images, int64; matrices: float32
        (len(index), 3, 3), from output to input positions, or None; loss, hits: one float64 and one int64, to which the
        summed cross-entropy (nats) and the number of right answers are added; retouches: float32 (len(index), 7) as
        `pixel_augmentation` draws them, or None; smoothing: of the labels; descends: whether SGD changes the
        parameters, or only the gradients are worked out.
        """
        self._functions.train_step(
            self._net,
            number,
            images.data_ptr(),
            labels.data_ptr(),
            index.data_ptr(),
            None if matrices is None else matrices.data_ptr(),
            None if pixel_changes is None else pixel_changes.data_ptr(),
            len(index),
            smoothing,
            apply_update,
            rate,
            momentum,
            weight_decay,
            nesterov,
            loss.data_ptr(),
            hits.data_ptr(),
        )

    def evaluate(self, images: Tensor, labels: Tensor) -> tuple[float, list[list[int]]]:
        """(summed cross-entropy in nats, counts [true][predicted]) in eval mode, for uint8 images and int64 labels."""
        loss = torch.zeros((), dtype=torch.float64)
        counts = torch.zeros(self.classes, self.classes, dtype=torch.int64)
        self._functions.evaluate(
            self._net, images.data_ptr(), labels.data_ptr(), len(images), loss.data_ptr(), counts.data_ptr()
        )
        return loss.item(), counts.tolist()

    def state(self) -> dict[str, Tensor]:
        """Parameters and running statistics by their names in the state dict; copies."""
        return {
            name: flat[first : first + torch.Size(shape).numel()].view(shape).clone()
            for flat, table in ((self.parameters, self.program.parameters), (self.buffers, self.program.buffers))
            for name, (first, shape) in table.items()
        }

    def inputs(self, count: int) -> Tensor:
        """What the last step fed the network: (count, channels, height, width), warped and normalised."""
        first = self.program.nodes[0]
        result = torch.empty(count, first.in_channels * first.in_height * first.in_width)
        self._functions.read_input(self._net, count, result.data_ptr())
        return result

    def dropout(self, step: int, node: int, gate: int, count: int) -> Tensor:
        """Factors of a node's dropout (gate 1 or 2) at a step: (count, channels, height, width)."""
        layer = self.program.nodes[node]
        result = torch.empty(count, layer.channels, layer.height, layer.width)
        self._functions.read_dropout(self._net, step, node, gate, count, result.data_ptr())
        return result

    def __del__(self) -> None:
        if getattr(self, "_net", None):
            self._functions.destroy(self._net)


def _flat(table: Mapping[str, tuple[int, tuple[int, ...]]], size: int, state: Mapping[str, Tensor]) -> Tensor:
    result = torch.zeros(max(size, 1))
    for name, (first, shape) in table.items():
        result[first : first + torch.Size(shape).numel()] = state[name].detach().flatten()
    return result
