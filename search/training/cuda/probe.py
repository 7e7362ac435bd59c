"""Can this torch compute on a device? Run as `python -P -m underbudget.search.training.cuda.probe DEVICE`.

A driver that is too old, a GPU that this torch has no kernels for, or one whose memory is taken, shows only when
something is computed; and whoever only asks should not hold a GPU's context, or be ended by it.
"""

import sys

import torch
from torch import nn

LEAST_BYTES = 256 * 2**20  # what one small training takes, with room


def check(device: str) -> None:
    """A small training step, and the memory for a training. Raises whatever torch raises."""
    convolution = nn.Conv2d(1, 8, 3).to(device)
    loss = convolution(torch.ones(16, 1, 28, 28, device=device)).square().mean()
    loss.backward()
    torch.empty(LEAST_BYTES, dtype=torch.uint8, device=device).fill_(1).max().item()


def main() -> None:
    """Exit code 0 where it works, else 1 and the reason on standard output."""
    try:
        check(sys.argv[1])
    except Exception as error:  # whatever it is, it is the reason
        print(" ".join(str(error).split())[:200] or type(error).__name__)
        sys.exit(1)


if __name__ == "__main__":
    main()
