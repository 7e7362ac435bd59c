"""The C kernels against torch: forward, all gradients, running statistics, dropout, augmentation, SGD."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as stock

from underbudget.models.build import build
from underbudget.models.language import parse
from underbudget.models.plan import Plan, plan
from underbudget.search.training.geometric_augmentation import random_matrices, transform_images
from underbudget.search.training.native.library import Unavailable, library
from underbudget.search.training.native.network import Batch, Network, Sgd, views_of
from underbudget.search.training.native.program import Program, compile_plan
from underbudget.search.training.pixel_augmentation import change_pixels, random_pixel_changes
from underbudget.search.training.recipe import Affine, Augmentation, Erasing, Jitter, Masks, Perspective

try:
    library()
except Unavailable as missing:
    if "no C compiler" not in str(missing):
        raise
    pytest.skip(f"the C kernels cannot be used here: {missing}", allow_module_level=True)

MEAN, STD, STEP = 0.13, 0.3, 7


class Factors(nn.Module):
    """Dropout with given factors."""

    def __init__(self, factors: Tensor) -> None:
        super().__init__()
        self.factors = factors

    def forward(self, values: Tensor) -> Tensor:
        return values * self.factors.view(values.shape) if self.training else values


class Pair:
    """One network in the C kernels and in torch, float64, with equal weights and the same dropout."""

    def __init__(
        self, text: str, shape: tuple[int, int, int], batch: int, seed: int = 0, fill: Tensor | None = None
    ) -> None:
        self.shape, self.batch = shape, batch
        self.plan: Plan = plan(parse(text), shape)
        torch.manual_seed(seed)
        model = build(self.plan)
        for parameter in model.parameters():
            if parameter.ndim == 1:  # batch norm's ones and zeros would hide mistakes
                nn.init.normal_(parameter, 1, 0.3)
        self.program: Program = compile_plan(self.plan, batch)
        mean, std = (MEAN,) * shape[0], (STD,) * shape[0]
        self.network = Network(self.program, model.state_dict(), batch, mean, std, 123456789012345 + seed, fill)
        self.model = model.double()
        self.images = torch.randint(0, 256, (batch + 22, *shape), dtype=torch.uint8)
        self.labels = torch.randint(0, self.plan.classes, (batch + 22,))
        self.index = torch.randperm(batch + 22)[:batch]

    def pixels(self, images: Tensor) -> Tensor:
        return (images.double() / 255 - MEAN) / STD

    def step(self, rate: float = 0.0, momentum: float = 0.0, decay: float = 0.0, nesterov: bool = False) -> float:
        """Mean loss of one step of the C kernels, at step number STEP."""
        self.network.loss.zero_()
        self.network.step(STEP, self.data(), Sgd(rate, momentum, decay, nesterov))
        return self.network.loss.item() / self.batch

    def data(self, matrices: Tensor | None = None, pixel_changes: Tensor | None = None) -> Batch:
        return Batch(self.images, self.labels, self.index, matrices, pixel_changes)

    def feed(self, matrices: Tensor | None, pixel_changes: Tensor | None) -> Tensor:
        """What the network sees of augmented images: (batch, channels * height * width)."""
        self.network.step(0, self.data(matrices, pixel_changes), None)
        return self.network.inputs(self.batch).double()

    def gradient(self, name: str) -> Tensor:
        return views_of(self.network.gradients, self.program.parameters)[name].double()


# Text, input shape, batch; and where its dropout lies: (name in the plan, node, gate). Batches are no multiples of a
# vector's width, channel counts none of a tile's, so that every remainder is met.
CASES: list[tuple[str, tuple[int, int, int], int, list[tuple[str, int, int]]]] = [
    ("conv3x3(8) relu bn | gap | linear(5)", (1, 12, 12), 40, []),
    ("conv3x3(8) bn relu | conv3x3(7,p1) relu bn | gap | linear(5)", (1, 12, 12), 37, []),
    (
        "conv3x3(8) relu bn drop0.2 | conv1x1(10) | maxpool2 | conv3x3(6,bias=T) bn relu drop0.3 | linear(5)",
        (1, 12, 12),
        40,
        [("drop1", 0, 2), ("drop2", 3, 2)],
    ),
    (
        "conv5x3(8,p2x1,s2x1) drop0.1 bn relu | conv3x3(10,g2,s2,p1) relu | avgpool2(s1) bn | conv1x1(4) relu drop0.2"
        " | linear(12) bn relu drop0.1 | linear(3)",
        (3, 13, 15),
        29,
        [("drop1", 0, 1), ("drop2", 3, 2), ("drop3", 4, 2)],
    ),
    (
        "sep3x3(9) relu bn bn drop0.1 relu bn | maxpool3(s1,p1) | sep3x3(11,p1,bias=T) relu | maxpool3(s2)"
        " | conv3x3(7) bn | gap",
        (2, 14, 12),
        40,
        [("drop1", 2, 2)],
    ),
    ("conv1x1(3,p1) relu bn | avgpool3(s2,p1) bn relu | conv7x7(4) bn", (1, 12, 12), 40, []),
    ("conv3x3(13) relu bn | conv3x3(17) drop0.3 relu bn | conv3x3(32) relu bn | conv3x3(5) relu | gap", (1, 11, 11), 33,
     [("drop1", 1, 1)]),
    ("linear(20) relu drop0.5 | linear(10) bn", (1, 9, 9), 3, [("drop1", 0, 2)]),
    ("conv3x3(1) | conv9x4(2,s3,p4x2) relu bn | gap", (4, 20, 9), 17, []),
    ("conv5x1(9,s2x1) relu bn | sep7x1(8,p3x0) bn relu | maxpool2x1 | conv5x1(16) relu bn | conv1x1(5) | gap",
     (3, 64, 1), 37, []),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[text.split(" |")[0] for text, *_ in CASES])
def test_a_step_has_the_loss_gradients_and_statistics_of_torch(
    case: tuple[str, tuple[int, int, int], int, list[tuple[str, int, int]]],
) -> None:
    text, shape, batch, dropout = case
    pair = Pair(text, shape, batch)
    assert {name for name, _, _ in dropout} == {each.name for each in pair.plan.layers if each.name.startswith("drop")}
    for name, node, gate in dropout:
        setattr(pair.model, name, Factors(pair.network.dropout(STEP, node, gate, batch).double()))
    expected = functional.cross_entropy(pair.model(pair.pixels(pair.images[pair.index])), pair.labels[pair.index])
    expected.backward()
    assert pair.step() == pytest.approx(expected.item(), abs=2e-6)
    parameters = dict(pair.model.named_parameters())
    assert set(parameters) == set(pair.program.parameters)
    for name, parameter in parameters.items():
        assert parameter.grad is not None
        torch.testing.assert_close(pair.gradient(name), parameter.grad, rtol=2e-4, atol=3e-6)
    state = pair.network.state()
    for name, buffer in pair.model.named_buffers():
        if not name.endswith("num_batches_tracked"):
            torch.testing.assert_close(state[name].double(), buffer, rtol=1e-5, atol=1e-6)

    pair.model.eval()
    with torch.no_grad():
        logits = pair.model(pair.pixels(pair.images))
    loss, confusion = pair.network.evaluate(pair.images, pair.labels)
    assert loss == pytest.approx(functional.cross_entropy(logits, pair.labels, reduction="sum").item(), rel=1e-5)
    counts = torch.zeros_like(torch.tensor(confusion))
    for label, prediction in zip(pair.labels, logits.argmax(1), strict=True):
        counts[label, prediction] += 1
    assert counts.tolist() == confusion


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_is_that_of_torch(nesterov: bool) -> None:
    pair = Pair("conv3x3(6) relu bn | gap | linear(4)", (1, 8, 8), 20)
    optimizer = torch.optim.SGD(pair.model.parameters(), lr=0.1, momentum=0.8, weight_decay=0.01, nesterov=nesterov)
    for _ in range(5):
        optimizer.zero_grad()
        logits = pair.model(pair.pixels(pair.images[pair.index]))
        functional.cross_entropy(logits, pair.labels[pair.index]).backward()
        optimizer.step()
        pair.step(0.1, 0.8, 0.01, nesterov)
    state = pair.network.state()
    for name, parameter in pair.model.named_parameters():
        torch.testing.assert_close(state[name].double(), parameter.data, rtol=1e-4, atol=1e-5)


def test_equal_values_of_a_maximum_share_nothing() -> None:
    """As in torch, the first of equals takes the whole gradient; a constant image makes all of them equal."""
    pair = Pair("conv1x1(3,bias=T) | maxpool3(s2,p1) | linear(4)", (1, 7, 7), 5)
    pair.images.fill_(90)
    functional.cross_entropy(pair.model(pair.pixels(pair.images[pair.index])), pair.labels[pair.index]).backward()
    pair.step()
    for name, parameter in pair.model.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(pair.gradient(name), parameter.grad, rtol=1e-4, atol=1e-6)


def masks(pair: Pair, step: int, node: int = 0) -> Tensor:
    return pair.network.dropout(step, node, 2, pair.batch) > 0


def test_dropout_keeps_its_rate_and_scale() -> None:
    for rate in (0.05, 0.1, 0.5, 0.9):
        pair = Pair(f"conv3x3(8) relu bn drop{rate} | gap | linear(4)", (1, 26, 26), 128)
        factors = pair.network.dropout(3, 0, 2, 128)
        kept = factors > 0
        assert factors[kept].unique().tolist() == pytest.approx(
            [1 / (1 - rate)], rel=2e-4
        )  # a rate is a multiple of 1 / 65536
        deviation = math.sqrt(rate * (1 - rate) / factors.numel())
        assert kept.float().mean().item() == pytest.approx(1 - rate, abs=4 * deviation)
        for axes in ((1, 2, 3), (0, 2, 3), (0, 1, 3), (0, 1, 2)):  # no image, channel, row or column is favoured
            share = kept.double().mean(axes)
            spread = math.sqrt(rate * (1 - rate) * share.numel() / factors.numel())
            assert (share - (1 - rate)).abs().max() < 5 * spread


def test_dropout_of_other_steps_layers_places_and_seeds_is_independent() -> None:
    text = "conv3x3(8) relu bn drop0.5 | conv1x1(8) relu bn drop0.5 | gap | linear(4)"
    pair, other = Pair(text, (1, 26, 26), 128), Pair(text, (1, 26, 26), 128, seed=1)
    first = masks(pair, 3)
    assert torch.equal(first, masks(pair, 3))
    moved = [first.roll(1, axis) for axis in range(4)]
    for second in (masks(pair, 4), masks(pair, 3, node=1), masks(other, 3), *moved):
        agreement = (first == second).double().mean().item()
        assert agreement == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(first.numel()))


@pytest.mark.parametrize("size", [(28, 28), (9, 14)])
def test_the_warp_is_that_of_the_plain_path(size: tuple[int, int]) -> None:
    pair = Pair("conv3x3(3) | gap", (2, *size), 40)
    warps = (Affine(rotation=40, scale=(0.5, 1.5)), Affine(rotation=10, shear=20, translation=0.3))
    matrices = random_matrices(Augmentation(warps), 40, size, torch.Generator().manual_seed(1))
    assert matrices is not None
    pair.network.step(0, pair.data(matrices), Sgd(0))
    expected = pair.pixels(transform_images(pair.images[pair.index].float(), matrices))
    torch.testing.assert_close(pair.network.inputs(40).double(), expected.flatten(1), rtol=0, atol=1e-3)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("warps", [(), (Affine(rotation=40, translation=0.2),)], ids=["alone", "after a warp"])
@pytest.mark.parametrize("masks", [None, Masks(0.6, 0.7)], ids=["black", "masks and a fill"])
def test_all_augmentation_is_that_of_the_plain_path(
    channels: int, warps: tuple[Affine, ...], masks: Masks | None
) -> None:
    """37 images: the last block of a vector's width is not full."""
    size, chance = (9, 14), torch.Generator().manual_seed(1)
    fill = None if masks is None else torch.tensor([60.0, 90.0, 200.0])[:channels].view(-1, 1, 1)
    pair = Pair("conv3x3(3) | gap", (channels, *size), 37, fill=fill)
    augmentation = Augmentation(warps, Perspective(0.6, 0.7), Jitter(0.7, 0.9), Erasing(0.6), 0.5, masks)
    matrices = random_matrices(augmentation, 37, size, chance)
    pixel_changes = random_pixel_changes(augmentation, 37, size, chance)
    assert matrices is not None
    assert pixel_changes is not None
    pixels = pair.images[pair.index].float()
    warped = transform_images(pixels, matrices, perspective=True, fill=fill)
    # where a rectangle of pixels would be drawn is exact, positions under a perspective are within rounding
    for maps, touches, expected, tolerance in (
        (matrices, None, warped, 3e-3),
        (None, pixel_changes, change_pixels(pixels, pixel_changes, fill), 1e-4),
        (matrices, pixel_changes, change_pixels(warped, pixel_changes, fill), 5e-3),
    ):
        fed = pair.feed(maps, touches)
        torch.testing.assert_close(fed, pair.pixels(expected).flatten(1), rtol=0, atol=tolerance)


@pytest.mark.parametrize("weights", [None, torch.tensor([0.3, 2.0, 0.0, 1.0])], ids=["alike", "weighted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.15])
def test_label_smoothing_and_class_weights_are_those_of_torch(smoothing: float, weights: Tensor | None) -> None:
    pair = Pair("conv3x3(6) relu bn | gap | linear(4)", (1, 8, 8), 20)
    logits = pair.model(pair.pixels(pair.images[pair.index]))
    known = None if weights is None else weights.double()
    expected = functional.cross_entropy(logits, pair.labels[pair.index], known, label_smoothing=smoothing)
    expected.backward()
    before = pair.network.state()
    pair.network.step(STEP, pair.data()._replace(class_weights=weights), None, smoothing=smoothing)
    assert pair.network.loss.item() / 20 == pytest.approx(expected.item(), abs=1e-6)
    for name, parameter in pair.model.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(pair.gradient(name), parameter.grad, rtol=2e-4, atol=3e-6)
        assert torch.equal(pair.network.state()[name], before[name])  # it did not descend
    judged, _ = pair.network.evaluate(pair.images, pair.labels)
    with torch.no_grad():
        plain = functional.cross_entropy(pair.model.eval()(pair.pixels(pair.images)), pair.labels, reduction="sum")
    assert judged == pytest.approx(plain.item(), rel=1e-5)  # judged without smoothing


def test_the_warp_is_that_of_torchvision() -> None:
    pair = Pair("conv3x3(3) | gap", (1, 28, 28), 1)
    matrices = random_matrices(Augmentation((Affine(translation=0.2),)), 1, (28, 28), torch.Generator().manual_seed(3))
    assert matrices is not None
    dx, dy = (-round(value) for value in matrices[0, :2, 2].tolist())
    assert (dx, dy) != (0, 0)
    pair.network.step(0, pair.data(matrices), Sgd(0))
    image = pair.images[pair.index].float()
    moved = stock.affine(image, 0, [dx, dy], 1.0, [0.0, 0.0], interpolation=InterpolationMode.BILINEAR)
    torch.testing.assert_close(pair.network.inputs(1).double(), pair.pixels(moved).flatten(1), rtol=0, atol=1e-4)


def test_a_network_too_large_for_the_kernels_is_refused() -> None:
    with pytest.raises(Unavailable, match="too large"):
        compile_plan(plan(parse("conv1x1(4000) | gap"), (1, 1000, 1000)), 128)
