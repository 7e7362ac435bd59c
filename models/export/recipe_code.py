"""A stored recipe (underbudget.search.training.recipe.to_json) as plain PyTorch code, for the notebook.

Every part is the class of torch or torchvision that the recipe's part is defined by. Unlike the search, torchvision
interpolates an image once per warp; the search composes the warps into one interpolation.
"""

from collections.abc import Mapping
from typing import Any

from underbudget.models.errors import UnavailableError

# Keys that are translated below; any other must have a value that asks for nothing.
_KEYS = {"name", "epochs", "batch_size", "optimizer", "lr", "momentum", "nesterov", "weight_decay", "schedule"}
_KEYS |= {"augmentation", "beta2", "label_smoothing", "ema"}
_AUGMENTATIONS = ("warps", "perspective", "jitter", "erasing", "mirror", "masks", "fill", "name")

_BANDS = '''\
class Bands(nn.Module):
    """A band of rows and one of columns set to a colour, the masks of SpecAugment (Park et al. 2019).

    A band's width is uniform from 0 to its share of the image, cut to whole pixels.
    """

    def __init__(self, rows: float, columns: float, colour: Sequence[float]) -> None:
        super().__init__()
        self.shares, self.colour = (rows, columns), torch.tensor(colour).view(-1, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        image = image.clone()
        for axis, share in zip((-2, -1), self.shares):
            size = image.shape[axis]
            wide = share * size * float(torch.rand(()))
            first = int(float(torch.rand(())) * (size - wide))
            band = image.narrow(axis, first, int(wide))
            band.copy_(self.colour.expand_as(band))
        return image


'''


def check(recipe: Mapping[str, Any]) -> None:
    """Raises UnavailableError for a part that is not translated: a notebook must not train another way."""
    unknown = {key for key, value in recipe.items() if key not in _KEYS and value}
    unknown |= {key for key, value in recipe["augmentation"].items() if key not in _AUGMENTATIONS and value}
    if unknown:
        raise UnavailableError(f"the notebook has no code for {min(unknown)!r} of the recipe: export another format")


def augmentation(recipe: Mapping[str, Any]) -> list[str]:
    """Lines of `augment = v2.Compose([...])`, for float images (channels, height, width) of 0..1."""
    parts = recipe["augmentation"]
    is_mean = parts.get("fill", "black") == "mean"
    fill = ", fill=list(MEAN)" if is_mean else ""
    steps = [_affine(warp, fill) for warp in parts.get("warps", ())]
    if view := parts.get("perspective"):
        steps.append(f"v2.RandomPerspective({view['distortion']!r}, p={view['probability']!r}{fill})")
    if share := parts.get("mirror"):
        steps.append(f"v2.RandomHorizontalFlip({share!r})")
    if jitter := parts.get("jitter"):
        steps.append(f"v2.ColorJitter(brightness={jitter['brightness']!r}, contrast={jitter['contrast']!r})")
    if erasing := parts.get("erasing"):
        area, ratio = (tuple(erasing[key]) for key in ("area", "ratio"))
        value = ", value=list(MEAN)" if is_mean else ""
        steps.append(f"v2.RandomErasing(p={erasing['probability']!r}, scale={area!r}, ratio={ratio!r}{value})")
    if masks := parts.get("masks"):
        colour = "MEAN" if is_mean else "[0.0]"
        steps.append(f"Bands({masks['rows']!r}, {masks['columns']!r}, {colour})")
    if not steps:
        return ["augment = v2.Identity()  # the recipe changes no image"]
    needed = ["from collections.abc import Sequence", "", "", *_BANDS.splitlines()] if parts.get("masks") else []
    return [*needed, "augment = v2.Compose(", "    [", *(f"        {step}," for step in steps), "    ]", ")"]


def _affine(warp: Mapping[str, Any], fill: str) -> str:
    arguments = [f"{warp['rotation']!r}"]
    across = warp["translation"]
    down = across if warp.get("translation_y") is None else warp["translation_y"]
    if across or down:
        arguments.append(f"translate=({across!r}, {down!r})")
    if tuple(warp["scale"]) != (1.0, 1.0):
        arguments.append(f"scale={tuple(warp['scale'])!r}")
    if warp["shear"]:
        arguments.append(f"shear={warp['shear']!r}")
    return f"v2.RandomAffine({', '.join(arguments)}, interpolation=v2.InterpolationMode.BILINEAR{fill})"


def optimizer(recipe: Mapping[str, Any]) -> list[str]:
    """Lines that make `optimizer` of `network`."""
    lr, decay = f"lr={recipe['lr']!r}", f"weight_decay={recipe.get('weight_decay', 0.0)!r}"
    if recipe.get("optimizer", "sgd") == "sgd":
        more = f"momentum={recipe['momentum']!r}" + (", nesterov=True" if recipe.get("nesterov") else "")
        return [f"optimizer = torch.optim.SGD(network.parameters(), {lr}, {more}, {decay})"]
    kind = {"adam": "Adam", "adamw": "AdamW"}[recipe["optimizer"]]
    betas = f"betas=({recipe['momentum']!r}, {recipe.get('beta2', 0.999)!r})"
    return [f"optimizer = torch.optim.{kind}(network.parameters(), {lr}, {betas}, {decay})"]


def schedule(recipe: Mapping[str, Any]) -> tuple[list[str], str]:
    """Lines that make `schedule`, and when it is stepped: "", "batch", "epoch" or "loss"."""
    given = recipe["schedule"]
    name = "schedule = torch.optim.lr_scheduler"
    match given["kind"]:
        case "constant":
            return ["schedule = None  # the learning rate stays"], ""
        case "step":
            return [f"{name}.StepLR(optimizer, {given['every']!r}, {given['factor']!r})"], "epoch"
        case "plateau":
            arguments = f"factor={given['factor']!r}, patience={given['patience']!r}"
            return [f"{name}.ReduceLROnPlateau(optimizer, {arguments})"], "loss"
        case "cosine":
            last = f"eta_min={recipe['lr'] * given['last']!r}"
            return [f"{name}.CosineAnnealingLR(optimizer, EPOCHS * len(train_loader), {last})"], "batch"
        case "one-cycle":
            length = given.get("length", 1.0)
            steps = "EPOCHS * len(train_loader)" if length == 1 else f"round({length!r} * EPOCHS * len(train_loader))"
            return [
                f"{name}.OneCycleLR(",
                "    optimizer,",
                f"    {recipe['lr']!r},",
                f"    total_steps={steps},",
                f"    pct_start={given['warm_up']!r},",
                f"    div_factor={given['first_divisor']!r},",
                f"    final_div_factor={given['last_divisor']!r},",
                f"    base_momentum={given['low_momentum']!r},",
                f"    max_momentum={given['high_momentum']!r},",
                ")",
            ], "batch"
    raise UnavailableError(f"the notebook has no code for the schedule {given['kind']!r}: export another format")


def average(recipe: Mapping[str, Any]) -> list[str]:
    """Lines that make `average`, the averaged network that is evaluated and kept; none without one."""
    if not (decay := recipe.get("ema")):
        return []
    return [
        "",
        "",
        "def averaged(average: Tensor, new: Tensor, steps: Tensor) -> Tensor:",
        f'    """An exponential moving average of decay {decay!r}, less in the first steps."""',
        f"    decay = min({decay!r}, (1 + float(steps)) / (10 + float(steps)))",
        "    return decay * average + (1 - decay) * new",
        "",
        "",
        "average = torch.optim.swa_utils.AveragedModel(network, avg_fn=averaged, use_buffers=True)",
    ]
