#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the folder train/ that make writes into the safetensors pack that flashvsr-train reads.

usage: pack.py TRAIN_FOLDER OUT.safetensors
Tensors, all u8 RGB: "stills" [N, 3, 512, 512] and "clips" [M, 32, 3, 256, 256].
Needs numpy, Pillow and safetensors.
"""

import concurrent.futures
import pathlib
import sys

import numpy as np
from PIL import Image
from safetensors.numpy import save_file


def planes(path):
    return np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1)


def load(paths):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        # stack keeps the pixels' interleaved order in memory, and save_file writes memory as it is.
        return np.ascontiguousarray(np.stack(list(pool.map(planes, paths))))


def main(folder, out):
    tensors = {"stills": load(sorted((folder / "stills").glob("*.jpg")))}
    clips = [
        sorted(clip.glob("*.jpg")) for clip in sorted((folder / "clips").iterdir()) if clip.is_dir()
    ]
    if clips:
        tensors["clips"] = np.ascontiguousarray(np.stack([load(clip) for clip in clips]))
    save_file(tensors, out)
    for name, tensor in tensors.items():
        print(f"{name} {list(tensor.shape)}, {tensor.nbytes / 1e6:.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(pathlib.Path(sys.argv[1]), sys.argv[2])
