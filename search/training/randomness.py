"""Random numbers of one run: all derived from its seed, without touching anybody else's.

Weight initialisation and dropout draw from torch's global generator. A run owns a state of that generator and puts it
in place only while it computes; in between, the caller has the generator as it was.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

# Held while drawing from torch's global generators, and while nobody may draw from them.
global_generators = threading.RLock()


class Randomness:
    """The independent random streams of one run. seed: any whole number from 0."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self.gpus = [device] if device.type == "cuda" else []
        # Spawned through SeedSequence, so that the streams are independent and near seeds are far apart.
        network, order, augmentation = map(int, np.random.SeedSequence(seed).generate_state(3, np.uint64))
        self.order = torch.Generator().manual_seed(order)
        self.augmentation = torch.Generator().manual_seed(augmentation)
        with global_generators:
            outside = self._state()
            # torch.manual_seed would change the generators of GPUs too, whose state is not this run's to put back
            torch.default_generator.manual_seed(network) if device.type == "cpu" else torch.manual_seed(network)
            self.inside = self._state()
            self._restore(outside)

    @contextmanager
    def active(self) -> Iterator[None]:
        """torch's global generator is this run's within the block, its caller's after it; another thread waits."""
        with global_generators:
            outside = self._state()
            self._restore(self.inside)
            try:
                yield
            finally:
                self.inside = self._state()
                self._restore(outside)

    def _state(self) -> list[torch.Tensor]:
        return [torch.get_rng_state(), *(torch.cuda.get_rng_state(gpu) for gpu in self.gpus)]

    def _restore(self, state: list[torch.Tensor]) -> None:
        torch.set_rng_state(state[0])
        for gpu, numbers in zip(self.gpus, state[1:], strict=True):
            torch.cuda.set_rng_state(numbers, gpu)
