"""A trained network as the folder that model hubs expect: model.safetensors, config.json and README.md, a model card.

Source of the layout: https://huggingface.co/docs/hub/model-cards. The card holds the network as code, which needs torch
and safetensors alone; the verification runs that code. `config.json` says all that is known besides, with the
checksum of the weights.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from underbudget.models import weights
from underbudget.models.errors import UserError
from underbudget.models.export.card import card
from underbudget.models.export.contents import Export, description, module
from underbudget.models.export.formats import Format, Model, Verification
from underbudget.models.export.literal import JSON
from underbudget.models.export.verify import compared, in_fresh_process

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"

DRIVER = """\
import torch
from pathlib import Path
folder = Path(job["file"])
card = (folder / "README.md").read_text("utf-8")
names = {"__name__": "card"}
exec(card.split("```python\\n")[1].split("\\n```")[0], names)
network = names["load_network"](folder)
with torch.inference_mode():
    logits = network(names["normalise"](torch_pictures()))
answer(logits, network.state_dict(), network.training, sum(p.numel() for p in network.parameters()))
"""


def write(export: Export, path: Path, name: str) -> None:
    """Write the folder."""
    import safetensors.torch

    state = {key: tensor.contiguous() for key, tensor in module(export).state_dict().items()}
    data = safetensors.torch.save(state, metadata={"format": "pt"})  # a hub's libraries ask for the format
    path.mkdir()
    (path / WEIGHTS).write_bytes(data)
    (path / CONFIG).write_text(json.dumps(config(export, data), indent=2) + "\n", encoding="ascii")
    (path / CARD).write_text(card(export, name), encoding="utf-8", newline="\n")


def config(export: Export, data: bytes) -> dict[str, JSON]:
    """The content of config.json; data: the bytes of model.safetensors."""
    labels = [str(label) for label in range(len(export.classes))]
    return {
        "model_type": "underbudget",
        **description(export),
        "id2label": dict(zip(labels, export.classes, strict=True)),
        "layers": [
            {
                "name": layer.name,
                "stage": str(export.plan.architecture.stages[layer.stage]),
                "output_shape": list(layer.output_shape),
                "parameters": layer.params,
                "receptive_field": list(layer.receptive_field),
            }
            for layer in export.plan.layers
        ],
        "model_sha256": weights.sha256(data),
    }


def verify(export: Export, file: Path, path: Path) -> Verification:
    """The code of the card, run in a fresh process: tensors and logits equal bit for bit."""
    return compared(export, in_fresh_process(DRIVER, export, file, path), file, path, tolerance=0)


def load(path: Path) -> Model:
    """The network of a folder for `underbudget predict`, built from the layers in its config.json: runs nothing."""
    import torch

    from underbudget.models.build import build
    from underbudget.models.export.preprocessing import normalise
    from underbudget.models.language import parse
    from underbudget.models.plan import plan

    try:
        facts = json.loads((path / CONFIG).read_text(encoding="utf-8"))
        data = (path / WEIGHTS).read_bytes()
        shape, mean, std = (tuple(facts[key]) for key in ("input_shape", "mean", "std"))
        changed = weights.sha256(data) != facts["model_sha256"]
        network = build(plan(parse(facts["layers_text"]), shape, len(facts["classes"])))
        about = (shape, facts["background"], tuple(facts["classes"]), facts["metadata"])
        if not changed:
            network.load_state_dict(weights.decode(data))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        what = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path} is no safetensors folder that underbudget exported ({what}): export it again"
        ) from error
    if changed:
        raise UserError(f"{path / WEIGHTS} does not match its checksum: the file was changed, export it again")
    network.eval()

    def answers(pixels: "Tensor") -> "Tensor":
        with torch.inference_mode():
            result: Tensor = network(normalise(pixels, mean, std))
        return result

    return Model(answers, *about)


FORMAT = Format(
    name="safetensors",
    suffix="",
    about="a folder as model hubs expect it: safetensors, config.json, model card",
    write=write,
    verify=verify,
    load=load,
    usage=lambda shown: [f"underbudget predict {shown} picture.png"],
    marker=CONFIG,
)
