# SPDX-License-Identifier: Apache-2.0
"""Cuts the clips of clips.tsv: held-out ones as PNG, training ones as JPEG (quality 95, 4:4:4).

usage: clips.py SOURCE_ROOT EVAL_FOLDER TRAIN_FOLDER
Writes FOLDER/NAME/NNN.png or .jpg and prints each clip's bicubic x4 PSNR-Y.
"""

import pathlib
import sys

import cv2
import numpy as np
from PIL import Image

import score

HERE = pathlib.Path(__file__).parent


def frames(path, first, count, divisor, box):
    """Yields count RGB PIL frames from number first on, reduced by divisor, then cut to box."""
    capture = cv2.VideoCapture(str(path))
    for number in range(first + count):
        # Frame by frame: seeking is not exact in every container.
        if not capture.grab():
            raise SystemExit(f"{path}: ends at frame {number}, {first + count} needed")
        if number < first:
            continue
        picture = Image.fromarray(capture.retrieve()[1][..., ::-1])
        if divisor > 1:
            picture = picture.resize(
                (picture.width // divisor, picture.height // divisor), Image.LANCZOS
            )
        yield picture.crop(box)


def cut(row, root, folders):
    name, package, pattern, *numbers = row
    first, count, divisor, x, y, width, height = map(int, numbers)
    file = next((root / package).glob(f"**/{pattern}"))
    use, _, title = name.partition("/")
    folder = folders[use] / title
    folder.mkdir(parents=True, exist_ok=True)
    psnr = []
    for number, picture in enumerate(
        frames(file, first, count, divisor, (x, y, x + width, y + height))
    ):
        psnr.append(score.round_trip_psnr(picture))
        if use == "eval":
            picture.save(folder / f"{number:03d}.png", compress_level=4)
        else:
            picture.save(folder / f"{number:03d}.jpg", quality=95, subsampling=0, optimize=True)
    print(
        f"{name}\t{count} x {width}x{height}\tbicubic x4 PSNR-Y {np.mean(psnr):.2f} dB", flush=True
    )


def main(root, evaluation, training):
    for line in (HERE / "clips.tsv").read_text().splitlines():
        if not line.startswith("#"):
            cut(line.split("\t"), root, {"eval": evaluation, "clips": training})


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:4]))
