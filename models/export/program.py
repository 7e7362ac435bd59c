"""A trained network as a torch.export program (.pt2): a graph that torch runs, or compiles, without any class of ours.

Source: https://docs.pytorch.org/docs/stable/export.html. The batch may be of any size from 1; the input is float32
pixels 0..255, normalised inside. What the file says of itself is the extra file "underbudget.json".
"""

import io
import json
import warnings
import zipfile
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models.errors import UserError
from underbudget.models.export.contents import Export, description, digest, module
from underbudget.models.export.formats import Model, Verification, check_weights, reading
from underbudget.models.export.verify import TOLERANCE, verified_by

if TYPE_CHECKING:
    from torch import Tensor

EXTRA = "underbudget.json"

DRIVER = """\
import torch
program = torch.export.load(job["file"], extra_files={"underbudget.json": ""})
network = program.module()
with torch.inference_mode():
    pictures = torch_pictures().float()
    logits = network(pictures)
    assert torch.allclose(network(pictures[:1]), logits[:1], rtol=1e-3, atol=1e-3), "a batch of one gives other logits"
parameters = sum(tensor.numel() for tensor in program.parameters())
answer(logits, program.state_dict, False, parameters)
"""


def write(export: Export, path: Path, name: str) -> None:
    """Write the file."""
    import torch
    from torch import nn

    from underbudget.models.export.standalone import normalise

    class Normalise(nn.Module):
        def forward(self, pixels: "Tensor") -> "Tensor":
            return normalise(pixels, export.mean, export.std)

    layers = OrderedDict([("normalise", Normalise()), *module(export).named_children()])
    network = nn.Sequential(layers).eval()
    # From 1 on: without the lower bound torch leaves batches of 0 and 1 out. A batch of one would be a constant.
    batch, example = torch.export.Dim("batch", min=1), torch.zeros(2, *export.plan.input_shape)
    program = torch.export.export(network, (example,), dynamic_shapes=({0: batch},), strict=False)
    for node in program.graph.nodes:  # where it was made, with the paths of this machine
        for key in ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node"):
            node.meta.pop(key, None)
    facts = {**description(export), "exported_with": {"torch": torch.__version__}, "input": "float32 pixels 0..255"}
    content = io.BytesIO()
    torch.export.save(program, content, extra_files={EXTRA: json.dumps(facts)})
    path.write_bytes(content.getvalue())


def verify(export: Export, draft: Path, path: Path) -> Verification:
    """Tensors equal, logits within TOLERANCE, for a batch of one too."""
    import torch

    done = verified_by(DRIVER, export, draft, path, TOLERANCE)
    # torch promises to read what an older one wrote, not the reverse.
    oldest = ".".join(torch.__version__.split("+")[0].split(".")[:2])
    return replace(done, lines=(f"written by torch {torch.__version__}, runs where torch is {oldest} or newer",))


def _pickled(path: Path) -> str | None:
    """The first tensor or object of an archive that torch would unpickle freely, None where there is none."""
    with zipfile.ZipFile(path) as archive:
        configs = [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith("_config.json")]
    entries = (entry for config in configs for entry in config["config"].items())
    return next((f"{key[:40]!r}" for key, entry in entries if entry["use_pickle"]), None)


def load(path: Path) -> Model:
    """The network of a file for `underbudget predict`. torch reads it with pickle in places that it does not tell, so
    only a file that is trusted may come here; what is declared a pickle is refused."""
    import torch

    extra: dict[str, Any] = {EXTRA: ""}
    with reading(path, "pt2 file"):
        pickled = _pickled(path)
    if pickled:
        raise UserError(f"{path} holds {pickled} as a pickle, which could run any code: underbudget writes none")
    with reading(path, "pt2 file"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.load(str(path), extra_files=extra)
        facts = json.loads(extra[EXTRA])
        state = {
            name: tensor.detach().numpy().tobytes()
            for name, tensor in program.state_dict.items()
            if tensor.is_floating_point()
        }
        network = program.module()
        model = Model.of(torch.inference_mode()(lambda pixels: network(pixels)), facts)
        checksum = facts["weights_sha256"]
    check_weights(path, checksum, digest(state))
    return model
