"""Can this torch compute on a device? Run as `python -P -m underbudget.search.training.cuda.probe DEVICE`.

A driver that is too old, a GPU that this torch has no kernels for, or one whose memory is taken, shows only when
something is computed. A process of its own holds the GPU's context only while it asks, and crashes alone.
"""

import sys

import torch
from torch import nn

LEAST_BYTES = 256 * 2**20  # what one small training takes, with room


def main() -> None:
    """A small training step, and memory for a training: exit code 0, or else 1 and the reason on standard output."""
    device = sys.argv[1]
    try:
        convolution = nn.Conv2d(1, 8, 3).to(device)
        loss = convolution(torch.ones(16, 1, 28, 28, device=device)).square().mean()
        loss.backward()
        torch.empty(LEAST_BYTES, dtype=torch.uint8, device=device).fill_(1).max().item()
    except Exception as error:  # whatever it is, it is the reason
        print(" ".join(str(error).split())[:200] or type(error).__name__)
        sys.exit(1)


if __name__ == "__main__":
    main()
