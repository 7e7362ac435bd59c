"""A trained network as the folder that model hubs expect: model.safetensors, config.json and README.md, a model card.

Source of the layout: https://huggingface.co/docs/hub/model-cards, the specification of the card's metadata
https://github.com/huggingface/hub-docs/blob/main/modelcard.md. The card holds the network as code, which needs torch
and safetensors alone; the verification runs that code. `config.json` holds all other facts and the checksum of the
weights.
"""

import json
import math
from pathlib import Path
from typing import Any

from underbudget.models import weights
from underbudget.models.architecture import size_text
from underbudget.models.export.contents import Export, description, facts, measurements, module
from underbudget.models.export.formats import Model, Verification, check_weights, reading
from underbudget.models.export.literal import JSON, literal, markdown, yaml
from underbudget.models.export.network import network_class, size_and_cost
from underbudget.models.export.verify import verified_by

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"

DRIVER = """\
from pathlib import Path
folder = Path(job["file"])
card = (folder / "README.md").read_text("utf-8")
names = {"__name__": "card"}
exec(card.split("```python\\n")[1].split("\\n```")[0], names)
answer_for(names["load_network"](folder), names["normalise"](torch_pictures()))
"""

USE = '''\
import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor, nn

MEAN = {mean}
STD = {std}


{network}


def load_network(folder: Path) -> Network:
    """The trained network of this folder, in eval mode."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    data = (folder / "model.safetensors").read_bytes()
    if hashlib.sha256(data).hexdigest() != config["model_sha256"]:
        raise ValueError("model.safetensors does not match its checksum in config.json")
    network = Network()
    network.load_state_dict(load(data))
    return network.eval()


def normalise(pictures: Tensor) -> Tensor:
    """Pixels 0..255, shape (n, {shape}), as the network takes them."""
    centre, scale = (torch.tensor(values, dtype=torch.float32).view(-1, 1, 1) for values in (MEAN, STD))
    return (pictures.float() / 255 - centre) / scale'''


def write(export: Export, path: Path, name: str) -> None:
    """Write the folder."""
    import safetensors.torch

    state = {key: tensor.contiguous() for key, tensor in module(export).state_dict().items()}
    data = safetensors.torch.save(state, metadata={"format": "pt"})  # a hub's libraries ask for the format
    path.mkdir()
    (path / WEIGHTS).write_bytes(data)
    (path / CONFIG).write_text(json.dumps(_config(export, data), indent=2) + "\n", encoding="ascii")
    (path / CARD).write_text(_card(export, name), encoding="utf-8", newline="\n")


def _config(export: Export, data: bytes) -> dict[str, JSON]:
    """The content of config.json; data: the bytes of model.safetensors."""
    return {
        "model_type": "underbudget",
        **description(export),
        "id2label": {str(label): name for label, name in enumerate(export.classes)},
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


def _card(export: Export, name: str) -> str:
    """The text of README.md; `name` is the folder's."""
    plan = export.plan
    size = size_text(plan.input_shape)
    use = USE.format(
        mean=literal(tuple(map(float, export.mean))),
        std=literal(tuple(map(float, export.std))),
        network=network_class(plan),
        shape=", ".join(map(str, plan.input_shape)),
    )
    layers = [" | ".join([layer.name, *size_and_cost(layer)]) for layer in plan.layers]
    return "\n".join(
        [
            "---",
            *(f"{key}: {yaml(value)}" for key, value in _front_matter(export, name).items()),
            "---",
            "",
            f"# {markdown(name)}",
            "",
            f"A convolutional network of {export.parameters:,} parameters that tells {plan.classes} classes of {size} "
            "pictures apart.",
            "",
            "| | |",
            "|---|---|",
            *(f"| {label} | {markdown(text)} |" for label, text in facts(export)),
            f"| classes | {', '.join(markdown(label) for label in export.classes)} |",
            "",
            "## Use",
            "",
            "Needs torch and safetensors. `load_network(Path('.'))(normalise(pictures))` gives logits, one per class.",
            "",
            "```python",
            use,
            "```",
            "",
            "## Layers",
            "",
            "| layer | output | parameters | receptive field |",
            "|---|---|---|---|",
            *(f"| {row} |" for row in layers),
            "",
            "The code on this page is free to use; the weights are yours.",
            "",
        ]
    )


def _front_matter(export: Export, name: str) -> dict[str, Any]:
    """The metadata that hubs index."""
    dataset = str(export.metadata.get("dataset", "unknown"))
    metric = (export.recipe or {}).get("metric", "accuracy")
    results = [
        {
            "task": {"type": "image-classification"},
            "dataset": {"name": dataset, "type": dataset, "split": one.split},
            "metrics": [{"type": metric, "value": round(one.percent / 100, 6), "name": one.words}],
        }
        for one in measurements(export)
    ]
    return {
        "library_name": "pytorch",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "underbudget"],
        "datasets": [dataset],
        "metrics": [metric],
        **({"model-index": [{"name": name, "results": results}]} if results else {}),
    }


def verify(export: Export, draft: Path, path: Path) -> Verification:
    """The code of the card, run in a fresh process: tensors and logits equal bit for bit."""
    return verified_by(DRIVER, export, draft, path)


def load(path: Path) -> Model:
    """The network of a folder for `underbudget predict`, built from the layers in its config.json: runs nothing."""
    import torch

    from underbudget.models.build import build
    from underbudget.models.export.standalone import normalise
    from underbudget.models.language import parse
    from underbudget.models.plan import plan

    kind = "safetensors folder"
    with reading(path, kind):
        found = json.loads((path / CONFIG).read_text(encoding="utf-8"))
        data = (path / WEIGHTS).read_bytes()
        shape, mean, std = (tuple(found[key]) for key in ("input_shape", "mean", "std"))
        if (
            not len(mean) == len(std) == shape[0]
            or not all(map(math.isfinite, mean))
            or not 0 < min(std) <= max(std) < 1e9
        ):
            raise ValueError("mean and std are not a number per channel, std over 0")
        network = plan(parse(found["layers_text"]), shape, len(found["classes"]))
        checksum = found["model_sha256"]
    check_weights(path / WEIGHTS, checksum, weights.sha256(data))
    with reading(path, kind):
        state = weights.decode(data)
        trained = sum(tensor.numel() for name, tensor in state.items() if name.endswith((".weight", ".bias")))
        if trained != (stated := sum(layer.params for layer in network.layers)):  # before such a network takes memory
            raise ValueError(f"the layers have {stated:,} parameters, the weights {trained:,}")
        module = build(network).eval()
        module.load_state_dict(state)
        return Model.of(torch.inference_mode()(lambda pixels: module(normalise(pixels, mean, std))), found)
