# SPDX-License-Identifier: Apache-2.0
"""Cuts the training stills: 512x512 crops, chosen by detail, JPEG quality 95 (4:4:4).

usage: stills.py SOURCE_ROOT OUT_FOLDER BUDGET_MB
Writes OUT_FOLDER/NNNN.jpg and OUT_FOLDER/index.tsv, in mixed order: any first N files are a good
smaller set.
"""

import concurrent.futures
import hashlib
import io
import itertools
import os
import pathlib
import sys

import numpy as np

import pages
import pictures
import score
import sources

SIDE = 512
DIVISORS = {"photo": (1, 2, 3, 4, 6), "texture": (1, 2), "page": (1,)}
PSNR_RANGE = (16.0, 31.5)  # dB: below is noise or pixel art, above there is nothing to win
FILES_LOOKED_AT = 600  # per package
SMALLEST = 384  # sides from here to a crop's are filled up by reflection


def crops(picture, kind):
    """Yields (divisor, box, crop) tiles without overlap, at full size and reduced."""
    width, height = picture.size
    for divisor in DIVISORS[kind]:
        size = (width // divisor, height // divisor)
        if min(size) < SIDE:
            break
        reduced = picture.resize(size, pictures.Image.LANCZOS) if divisor > 1 else picture
        columns, rows = size[0] // SIDE, size[1] // SIDE
        left, top = (size[0] - columns * SIDE) // 2, (size[1] - rows * SIDE) // 2
        for row, column in itertools.product(range(rows), range(columns)):
            x, y = left + column * SIDE, top + row * SIDE
            yield divisor, (x, y), reduced.crop((x, y, x + SIDE, y + SIDE))


def padded(picture):
    """The picture, its sides at least a crop's: filled by reflection, enlarging would blur it."""
    below, right = max(SIDE - picture.height, 0), max(SIDE - picture.width, 0)
    pixels = np.pad(np.asarray(picture), ((0, below), (0, right), (0, 0)), "reflect")
    return pictures.Image.fromarray(pixels)


def rate(crop):
    """(worth, psnr, coherence) of a crop; worth is None when it is not to be used."""
    psnr = score.round_trip_psnr(crop)
    if (
        not PSNR_RANGE[0] <= psnr <= PSNR_RANGE[1]
        or score.flat_share(crop) > 0.35
        or score.is_normal_map(crop)
    ):
        return None, psnr, 0.0
    coherence, one_way = score.coherence(crop)
    # Structure counts, but not stripes or motion blur, which run one way; then room to win,
    # best near 24 dB.
    return min(coherence, 0.7) - max(one_way - 0.4, 0) - 0.02 * abs(psnr - 24), psnr, coherence


def encode(crop):
    buffer = io.BytesIO()
    crop.save(buffer, "JPEG", quality=95, subsampling=0, optimize=True)
    return buffer.getvalue()


def best_of_package(source, root):
    """The package's best crops, at most source.most: [(worth, psnr, coherence, where, jpeg)]."""
    files = list(pictures.members(root / source.package, source.files))
    files.sort(key=lambda f: hashlib.sha1(f[0].encode()).digest())
    files = files[:FILES_LOOKED_AT]
    per_file = (
        1 if source.kind == "texture" else max(2, -(-3 * source.most // (2 * max(len(files), 1))))
    )
    chosen, seen = [], set()
    for name, load in files:
        data = load()
        digest = hashlib.sha1(data).digest()
        picture = None if digest in seen else pictures.decode(data)
        seen.add(digest)
        if picture is None or min(picture.size) < SMALLEST:
            continue
        picture = padded(picture)
        rated = []
        for divisor, (x, y), crop in crops(picture, source.kind):
            worth, psnr, coherence = rate(crop)
            if worth is not None:
                rated.append((worth, psnr, coherence, f"{name} /{divisor} +{x}+{y}", encode(crop)))
        chosen += sorted(rated, key=lambda r: -r[0])[:per_file]
    chosen.sort(key=lambda r: -r[0])
    return source, chosen[: source.most]


def interleave(groups):
    """All groups' items, each group spread evenly over the whole."""
    placed = [
        ((i + 0.5) / len(group), g, item)
        for g, group in enumerate(groups)
        for i, item in enumerate(group)
    ]
    return [item for _, _, item in sorted(placed, key=lambda p: p[:2])]


def main(root, out, budget_mb):
    todo = [s for s in sources.load() if s.kind in DIVISORS]
    with concurrent.futures.ProcessPoolExecutor(min(4, os.cpu_count())) as pool:
        results = list(pool.map(best_of_package, todo, [root] * len(todo)))
    groups = []
    for source, chosen in results:
        groups.append([(source.package, *item) for item in chosen])
        print(f"{len(chosen):4d} {source.package}", flush=True)
    typeset = [(crop, rate(crop)) for crop in pages.make(root, 28)]
    groups.append(
        [
            ("(rendered page)", *r, f"page {i}", encode(c))
            for i, (c, r) in enumerate(typeset)
            if r[0]
        ]
    )
    out.mkdir(parents=True, exist_ok=True)
    left = budget_mb * 1e6
    with open(out / "index.tsv", "w") as index:
        index.write("file\tpackage\tfrom\tpsnr_y\tcoherence\n")
        for number, (package, _, psnr, coherence, where, jpeg) in enumerate(
            interleave([g for g in groups if g])
        ):
            left -= len(jpeg)
            if left < 0:
                break
            (out / f"{number:04d}.jpg").write_bytes(jpeg)
            index.write(f"{number:04d}.jpg\t{package}\t{where}\t{psnr:.2f}\t{coherence:.2f}\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), float(sys.argv[3]))
