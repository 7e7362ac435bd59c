"""The model card of a network: README.md with YAML metadata, as model hubs read it.

Source: https://huggingface.co/docs/hub/model-cards, the specification
https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
"""

from collections.abc import Mapping
from typing import Any

from underbudget.models.export.contents import Export
from underbudget.models.export.facts import facts, measurements
from underbudget.models.export.literal import literal
from underbudget.models.export.network import network_class

USE = '''\
import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor, nn

{constants}


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


def card(export: Export, name: str) -> str:
    """The text of README.md; `name` is the folder's."""
    plan = export.plan
    size = "x".join(map(str, plan.input_shape))
    lines = [
        "---",
        *_front_matter(export, name),
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
        USE.format(
            constants="\n".join(
                f"{key} = {literal(tuple(map(float, values)))}"
                for key, values in (("MEAN", export.mean), ("STD", export.std))
            ),
            network=network_class(plan),
            shape=", ".join(map(str, plan.input_shape)),
        ),
        "```",
        "",
        "## Layers",
        "",
        "| layer | output | parameters | receptive field |",
        "|---|---|---|---|",
        *(
            f"| {layer.name} | {_x(layer.output_shape)} | {layer.params:,} | {_x(layer.receptive_field)} |"
            for layer in plan.layers
        ),
        "",
        "The code on this page is free to use; the weights are yours.",
        "",
    ]
    return "\n".join(lines)


def _front_matter(export: Export, name: str) -> list[str]:
    """The YAML metadata that hubs index."""
    dataset = str(export.metadata.get("dataset", "unknown"))
    content: dict[str, Any] = {
        "library_name": "pytorch",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "underbudget"],
        "datasets": [dataset],
        "metrics": ["accuracy"],
    }
    results = [
        {
            "task": {"type": "image-classification"},
            "dataset": {"name": dataset, "type": dataset, "split": one.split},
            "metrics": [{"type": "accuracy", "value": round(one.percent / 100, 6), "name": one.words}],
        }
        for one in measurements(export)
    ]
    if results:
        content["model-index"] = [{"name": name, "results": results}]
    return [f"{key}: {yaml(value)}" for key, value in content.items()]


def yaml(value: Any) -> str:
    """A value in YAML's flow style, ASCII, every text in double quotes: nothing in it can end it."""
    if isinstance(value, str):
        return '"' + "".join(_yaml_character(character) for character in value) + '"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(yaml, value)) + "]"
    return repr(value)


def _yaml_character(character: str) -> str:
    code = ord(character)
    if 32 <= code < 127 and character not in '"\\':
        return character
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def markdown(text: str) -> str:
    """`text` as Markdown and HTML show it, on one line: punctuation as entities, what cannot be shown as its escape."""
    return "".join(
        character
        if character.isalnum() or character in " .,-()%:+="
        else f"&#{ord(character)};"
        if character.isprintable()
        else f"&#92;u{ord(character):04x}"
        for character in text
    )


def _x(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
