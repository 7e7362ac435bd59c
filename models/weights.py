"""Trained weights as bytes: the safetensors format, which holds plain tensors and nothing that can run.

`encode` and `decode` need torch; `sha256`, `to_text` and `from_text` do not, so that a coordinator can store what a
worker sends without importing it.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from underbudget.models.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


def encode(state: "Mapping[str, Tensor]") -> bytes:
    """A state dict as the bytes of a safetensors file: every value bit for bit, on any device, in any memory format.

    Equal states give equal bytes: tensors are written row by row (`torch.contiguous_format`), without metadata.
    """
    import safetensors.torch
    import torch

    layout = torch.contiguous_format
    # A fresh copy each: safetensors refuses tensors that share memory.
    copies = {name: tensor.detach().to("cpu", copy=True, memory_format=layout) for name, tensor in state.items()}
    return safetensors.torch.save(copies)


def decode(data: bytes) -> "dict[str, Tensor]":
    """The state dict in the bytes of a safetensors file, on the CPU.

    Raises UserError where the bytes are not such a file. Altered values cannot be told from others: compare `sha256`.
    """
    import safetensors
    import safetensors.torch

    try:
        return safetensors.torch.load(data)
    except (safetensors.SafetensorError, KeyError) as error:
        what = " ".join(str(error).split())
        raise UserError(
            f"these {len(data)} bytes are no readable safetensors file ({what}): the file is damaged or something "
            "else, restore it or train the network again"
        ) from error


def sha256(data: bytes) -> str:
    """Checksum of the bytes, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def to_text(data: bytes) -> str:
    """The bytes as base64 text, for a message in JSON."""
    return base64.b64encode(data).decode("ascii")


def from_text(text: str) -> bytes:
    """The inverse of `to_text`. Raises UserError for anything that is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UserError(f"these {len(text)} characters are no base64 text ({error}): the message is damaged") from error
