"""Every random number of a study derives from the study's seed and a trial's number, and from nothing else."""

import hashlib


def derive(study_seed: int, trial: int, purpose: str) -> int:
    """A seed in 0 .. 2^32 - 1 for one purpose ("sampler", "training") of one trial, unrelated to its neighbours'."""
    digest = hashlib.sha256(f"{study_seed}/{trial}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
