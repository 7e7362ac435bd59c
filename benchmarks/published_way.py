"""The published way to train, as a process of its own: per-image transforms, a DataLoader, eager float32.

Started by benchmarks/training.py. Reads lines `go SECONDS` from standard input, trains at least that long, and answers
each with a JSON line {"images": N, "seconds": S, "cpu_seconds": S, "pss": BYTES}; everything goes on in the same state.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from underbudget.models.build import build
from underbudget.models.plan import plan
from underbudget.models.references import reference
from underbudget.search.data.store import open_dataset


class Images(Dataset[tuple[torch.Tensor, int]]):
    """As torchvision's MNIST serves them: a PIL picture per item, through the transforms."""

    def __init__(self, folder: Path) -> None:
        dataset = open_dataset(folder)
        part = dataset.part("train")
        self.images, self.labels = np.array(part.images[:, 0]), part.labels.tolist()
        self.transform = transforms.Compose(
            [
                transforms.RandomRotation((-10.0, 10.0), fill=(0,)),
                transforms.RandomAffine(degrees=10, translate=(0.1, 0.1), shear=5),
                transforms.ToTensor(),
                transforms.Normalize(dataset.info.mean, dataset.info.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[index], mode="L")), self.labels[index]


def batches(images: Images, batch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches without end."""
    while True:
        yield from DataLoader(images, batch_size=batch, shuffle=True)


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=0, help="0: torch's default")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    model = build(plan(reference("saish-m4").architecture, (1, 28, 28), 10)).to(options.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=1_000_000, pct_start=0.2)
    supply = batches(Images(options.folder), options.batch)

    def step() -> int:
        inputs, labels = (tensor.to(options.device) for tensor in next(supply))
        optimizer.zero_grad()
        functional.cross_entropy(model(inputs), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        scheduler.step()
        return len(labels)

    for _ in range(3):
        step()
    print(json.dumps({"ready": True, "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        least, started, images, cpu = float(line.split()[1]), time.perf_counter(), 0, time.process_time()
        while time.perf_counter() - started < least:
            images += step()
        seconds = time.perf_counter() - started
        pss = psutil.Process().memory_full_info().pss
        answer = {"images": images, "seconds": seconds, "cpu_seconds": time.process_time() - cpu, "pss": pss}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
