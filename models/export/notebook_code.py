"""The code of the notebook's cells that is the same for every network, or chosen by data set and recipe."""

SETTINGS = '''\
import time

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import datasets
from torchvision.transforms import v2

DATA = "data"  # folder of the data set; what is missing is downloaded to it
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SEED = {seed}
EPOCHS = {epochs}
BATCH_SIZE = {batch}
INPUT_SHAPE = {shape}  # channels, height, width
CLASSES = {classes}
MEAN = {mean}  # per channel, of pixels in 0..1
STD = {std}


def normalise(images: Tensor) -> Tensor:
    """Images of 0..1, (..., channels, height, width), as the network takes them."""
    mean, std = (torch.tensor(values, dtype=torch.float32).view(-1, 1, 1) for values in (MEAN, STD))
    return (images - mean) / std'''

# Name of a data set -> class in torchvision.datasets, and how it is asked for a part.
_BY_TRAIN = ("train=True", "train=False")
_TORCHVISION = {
    "mnist": ("MNIST", _BY_TRAIN),
    "fashion-mnist": ("FashionMNIST", _BY_TRAIN),
    "kmnist": ("KMNIST", _BY_TRAIN),
    "usps": ("USPS", _BY_TRAIN),
    "svhn": ("SVHN", ('split="train"', 'split="test"')),
    "cifar10": ("CIFAR10", _BY_TRAIN),
    "cifar100": ("CIFAR100", _BY_TRAIN),
}

_TENSORS = '''

def tensors(dataset: Dataset) -> tuple[Tensor, Tensor]:
    """Images uint8 (n, channels, height, width) and labels (n,)."""
    to_tensor = v2.Compose([v2.ToImage(), v2.Resize(INPUT_SHAPE[1:], antialias=True)])
    grey = v2.Grayscale() if INPUT_SHAPE[0] == 1 else v2.RGB()
    pairs = [(grey(to_tensor(image)), label) for image, label in dataset]
    images, labels = zip(*pairs, strict=True)
    return torch.stack([torch.as_tensor(image) for image in images]), torch.tensor(labels)

'''

_HOLD_OUT = """
# Held out for validation: a sixth of the training images, at random.
order = torch.randperm(len(given_labels), generator=torch.Generator().manual_seed(SEED))
held = len(order) // 6
train_images, train_labels = given_images[order[held:]], given_labels[order[held:]]
val_images, val_labels = given_images[order[:held]], given_labels[order[:held]]
print(f"{len(train_labels):,} training, {len(val_labels):,} validation, {len(test_labels):,} test images")"""

_DIGITS = """\
from sklearn.datasets import load_digits

# 8x8 pixels of 0..16; a border of two, then enlarged.
digits = load_digits()
images = torch.from_numpy(digits.images).float()[:, None] * (255 / 16)
images = nn.functional.pad(images, (2, 2, 2, 2))
images = nn.functional.interpolate(images, INPUT_SHAPE[1:], mode="bilinear").round().to(torch.uint8)
labels = torch.from_numpy(digits.target)
shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
cut = len(shuffled) * 15 // 100
test_images, test_labels = images[shuffled[:cut]], labels[shuffled[:cut]]
given_images, given_labels = images[shuffled[cut:]], labels[shuffled[cut:]]
"""

SUMMARY = '''\
def window(layer: nn.Module) -> tuple[tuple[int, int], tuple[int, int]]:
    """Kernel and stride of a layer, each (height, width)."""
    sizes = [getattr(layer, name, 1) for name in ("kernel_size", "stride")]
    kernel, stride = ((size, size) if isinstance(size, int) else tuple(size) for size in sizes)
    return kernel, stride


def summary(network: nn.Module) -> None:
    """One line per layer: output, parameters, receptive field, distance of neighbouring outputs in input pixels."""
    print(f"{{'layer':12}}{{'kind':20}}{{'output':>14}}{{'parameters':>12}}{{'field':>9}}{{'jump':>8}}")
    field, jump = [1, 1], [1, 1]

    def show(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        kernel, stride = window(layer)
        if isinstance(layer, nn.AdaptiveAvgPool2d | nn.Flatten):
            kernel, stride = tuple(inputs[0].shape[2:]), (1, 1)
        for axis in (0, 1):
            field[axis] += (kernel[axis] - 1) * jump[axis]
            jump[axis] *= stride[axis]
        count = sum(parameter.numel() for parameter in layer.parameters())
        shape = "x".join(str(size) for size in output.shape[1:])
        fields = f"{{field[0]}}x{{field[1]}}", f"{{jump[0]}}x{{jump[1]}}"
        name, kind = names[layer], type(layer).__name__
        print(f"{{name:12}}{{kind:20}}{{shape:>14}}{{count:>12,}}{{fields[0]:>9}}{{fields[1]:>8}}")

    names = {{layer: name for name, layer in network.named_children()}}
    hooks = [layer.register_forward_hook(show) for layer in names]
    with torch.inference_mode():
        network.eval()(torch.zeros(1, *INPUT_SHAPE))
    for hook in hooks:
        hook.remove()
    total = sum(parameter.numel() for parameter in network.parameters())
    print(f"{{total:,}} parameters")
    assert total == {parameters}


summary(Network())'''

LOADERS = '''
class Images(Dataset):
    """Normalised images and labels; `change` is applied to images of 0..1 each time they are shown."""

    def __init__(self, images: Tensor, labels: Tensor, change: nn.Module | None = None) -> None:
        self.images, self.labels, self.change = images, labels, change

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = self.images[index].float() / 255
        return normalise(image if self.change is None else self.change(image)), self.labels[index]


# Batch norm cannot train on one image: a last batch of one is left out.
alone = len(train_labels) % BATCH_SIZE == 1
train_loader = DataLoader(Images(train_images, train_labels, augment), BATCH_SIZE, shuffle=True, drop_last=alone)
val_loader = DataLoader(Images(val_images, val_labels), 1000)
test_loader = DataLoader(Images(test_images, test_labels), 1000)'''

_LOOP = '''\
def evaluate(network: nn.Module, loader: DataLoader) -> tuple[float, float]:
    """Mean loss, and accuracy in percent."""
    network.eval()
    loss = right = count = 0
    with torch.inference_mode():
        for images, labels in loader:
            logits, labels = network(images.to(DEVICE)), labels.to(DEVICE)
            loss += nn.functional.cross_entropy(logits, labels, reduction="sum").item()
            right += int((logits.argmax(1) == labels).sum())
            count += len(labels)
    return loss / count, 100 * right / count


print("epoch  learning rate  train loss  train %  val loss   val %  seconds")
history = []
for epoch in range(1, EPOCHS + 1):
    started = time.perf_counter()
    network.train()
    total_loss = total_right = total = 0
    for images, labels in train_loader:
        images, labels = images.to(DEVICE), labels.to(DEVICE)
        optimizer.zero_grad()
        logits = network(images)
        loss = nn.functional.cross_entropy(logits, labels{smoothing})
        loss.backward()
        rate = optimizer.param_groups[0]["lr"]
        optimizer.step(){batch}
        total_loss += loss.item() * len(labels)
        total_right += int((logits.argmax(1) == labels).sum())
        total += len(labels)
    val_loss, val_accuracy = evaluate({evaluated}, val_loader){epoch}
    history.append((total_loss / total, 100 * total_right / total, val_loss, val_accuracy))
    figures = f"{{history[-1][0]:>10.4f}}{{history[-1][1]:>9.2f}}{{val_loss:>10.4f}}{{val_accuracy:>8.2f}}"
    print(f"{{epoch:>5}}  {{rate:>13.3g}}  {{figures}}{{time.perf_counter() - started:>9.1f}}")'''

TEST = """\
test_loss, test_accuracy = evaluate({evaluated}, test_loader)
print(f"test: loss {{test_loss:.4f}}, accuracy {{test_accuracy:.2f}} % of {{len(test_labels):,}} images")"""


def about_data(name: str) -> str:
    """A sentence about where the images come from."""
    if name == "digits":
        return "The digits of scikit-learn, which needs no download. 15 % are held out for the test."
    if name in _TORCHVISION:
        return f"By torchvision.datasets.{_TORCHVISION[name][0]}."
    return "Put pictures into DATA/train/CLASS/ and DATA/test/CLASS/; classes count in alphabetical order."


def data(name: str) -> str:
    """The cell that loads a data set, by its name on our command line; any other one from folders of pictures."""
    if name == "digits":
        return _DIGITS + _HOLD_OUT
    if name in _TORCHVISION:
        kind, words = _TORCHVISION[name]
        parts = [f"datasets.{kind}(DATA, {word}, download=True)" for word in words]
    else:
        parts = [f'datasets.ImageFolder(DATA + "/{part}")' for part in ("train", "test")]
    names = ("given", "test")
    loading = [f"{name}_images, {name}_labels = tensors({part})\n" for name, part in zip(names, parts, strict=True)]
    return _TENSORS.lstrip("\n") + "\n" + "".join(loading) + _HOLD_OUT


def loop(label_smoothing: float, stepped: str, averaged: bool) -> str:
    """The cell that trains. stepped: when the schedule is, as `recipe_code.schedule` says."""
    batch = "\n        average.update_parameters(network)" if averaged else ""
    if stepped == "batch":
        batch += "\n        schedule.step()"
    epoch = {"epoch": "\n    schedule.step()", "loss": "\n    schedule.step(val_loss)"}.get(stepped, "")
    return _LOOP.format(
        smoothing=f", label_smoothing={label_smoothing!r}" if label_smoothing else "",
        batch=batch,
        epoch=epoch,
        evaluated="average" if averaged else "network",
    )
