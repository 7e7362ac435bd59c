"""A trained network as a torch.export program (.pt2): a graph that torch runs, or compiles, without any class of ours.

Source: https://docs.pytorch.org/docs/stable/export.html. The batch may be of any size from 1; the input is float32
pixels 0..255, normalised inside. What the file says of itself is the extra file "underbudget.json".
"""

import io
import json
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underbudget.models.errors import UserError
from underbudget.models.export.contents import Export, description, digest
from underbudget.models.export.formats import Format, Model, Verification
from underbudget.models.export.verify import TOLERANCE, compared, in_fresh_process

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

    from underbudget.models.export.pixels import example, from_pixels

    network = from_pixels(export)
    # From 1 on: without the lower bound torch leaves batches of 0 and 1 out.
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(network, (example(export),), dynamic_shapes=({0: batch},), strict=False)
    for node in program.graph.nodes:  # where it was made, with the paths of this machine
        for key in ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node"):
            node.meta.pop(key, None)
    facts = {**description(export), "exported_with": {"torch": torch.__version__}, "input": "float32 pixels 0..255"}
    content = io.BytesIO()
    torch.export.save(program, content, extra_files={EXTRA: json.dumps(facts)})
    path.write_bytes(content.getvalue())


def verify(export: Export, file: Path, path: Path) -> Verification:
    """Tensors equal, logits within TOLERANCE, for a batch of one too."""
    import torch

    done = compared(export, in_fresh_process(DRIVER, export, file, path), file, path, TOLERANCE)
    line = f"written by torch {torch.__version__}, runs where torch is {_oldest(torch.__version__)} or newer"
    return Verification(done.path, done.bytes, done.parameters, done.samples, done.said, (line,))


def _oldest(version: str) -> str:
    """A torch that surely reads the file: torch promises to read what an older one wrote, not the reverse."""
    return ".".join(version.split("+")[0].split(".")[:2])


def _pickled(path: Path) -> str | None:
    """The first tensor or object of an archive that torch would unpickle freely, None where there is none."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith("_config.json"):
                continue
            for key, entry in json.loads(archive.read(name))["config"].items():
                if entry["use_pickle"]:
                    return f"{key[:40]!r}"
    return None


def load(path: Path) -> Model:
    """The network of a file for `underbudget predict`. torch reads it with pickle in places that it does not tell, so
    only a file that is trusted may come here; what is declared a pickle is refused."""
    import torch

    extra: dict[str, Any] = {EXTRA: ""}
    try:
        if pickled := _pickled(path):
            raise UserError(f"{path} holds {pickled} as a pickle, which could run any code: underbudget writes none")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.load(str(path), extra_files=extra)
        facts = json.loads(extra[EXTRA])
        network = program.module()
        state = {
            name: tensor.detach().numpy().tobytes()
            for name, tensor in program.state_dict.items()
            if tensor.is_floating_point()
        }
        changed = digest(state) != facts["weights_sha256"]
        about = (tuple(facts["input_shape"]), facts["background"], tuple(facts["classes"]), facts["metadata"])
    except UserError:
        raise
    except (RuntimeError, ValueError, KeyError, TypeError, AssertionError, zipfile.BadZipFile, OSError) as error:
        what = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is no pt2 file that underbudget exported ({what}): export it again") from error
    if changed:
        raise UserError(f"the weights in {path} do not match their checksum: the file was changed, export it again")

    def answers(pixels: "Tensor") -> "Tensor":
        with torch.inference_mode():
            result: Tensor = network(pixels)
        return result

    return Model(answers, *about)


FORMAT = Format(
    name="pt2",
    suffix=".pt2",
    about="a torch.export program, batch of any size, normalisation inside",
    write=write,
    verify=verify,
    load=load,
    usage=lambda shown: [f"underbudget predict {shown} picture.png"],
)
