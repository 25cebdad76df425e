# SPDX-License-Identifier: Apache-2.0
"""What temporal-compression does to fast motion.

    meson devenv -C build -w . python3 tests/gst/fast_motion.py [MODEL_DIR]

A square of 64 pixels moves over a picture of 512x128 that stands still; the clip is made four times smaller and upscaled
by the element. Prints, for speeds in pixels of the output per frame and values of temporal-compression, the ghost
energy: the mean squared difference of the luma to the original where the square was in the 12 frames before or will be in
the 4 after, but is not now; and the PSNR of the whole picture.
"""
import math
import random
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT, SIDE, TOP = 512, 128, 64, 32
SPEEDS = (8, 16, 32, 64, 96)
FRAMES, FIRST = 44, 20  # from here on they are looked at
MARGIN = 8  # around the square, where its edge is
WAYS = {'bicubic': 'enabled=false', **{f'{value}': f'temporal-compression={value}' for value in (4, 2, 1)}}


def waves(width, height, shortest, low, high):
    """A texture; `shortest` is a wave's length in pixels, on average."""
    random.seed(1)
    most = 2 * math.pi / shortest
    parts = [(random.uniform(-most, most), random.uniform(-most, most), random.uniform(0, 6)) for _ in range(8)]
    rows = []
    for y in range(height):
        values = (sum(math.sin(a * x + b * y + c) for a, b, c in parts) / 12 + .5 for x in range(width))
        rows.append(bytearray(int(low + (high - low) * min(max(value, 0), 1)) for value in values))
    return rows


def left(speed, frame):
    return speed * frame % WIDTH


def columns(speed, frame, margin=0):
    """Those that the square is in; it leaves on one side and comes back on the other."""
    return {x % WIDTH for x in range(left(speed, frame) - margin, left(speed, frame) + SIDE + margin)}


def clip(speed):
    background, square = waves(WIDTH, HEIGHT, 128, 40, 120), waves(SIDE, SIDE, 16, 130, 240)
    frames = []
    for i in range(FRAMES):
        rows = [bytearray(row) for row in background]
        for y in range(SIDE):
            for x in range(SIDE):
                rows[TOP + y][(left(speed, i) + x) % WIDTH] = square[y][x]
        frames.append(b''.join(rows))
    return frames


def upscale(path, result, properties):
    caps = f'video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate=25/1'
    line = (f'gst-launch-1.0 -q filesrc location={path} blocksize={WIDTH * HEIGHT * 3 // 2} ! {caps} ! '
            f'videoscale method=lanczos ! video/x-raw,width={WIDTH // 4},height={HEIGHT // 4} ! '
            f'flashvsrupscale scale=4 {properties} ! filesink location={result}')
    run = subprocess.run(line.split(), capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    data, size = result.read_bytes(), WIDTH * HEIGHT * 3 // 2
    return [data[i:i + WIDTH * HEIGHT] for i in range(0, len(data), size)]


def error_in(ours, truth, rows, where):
    """Sum of squared differences, and of how many pixels."""
    total = sum((ours[y * WIDTH + x] - truth[y * WIDTH + x]) ** 2 for y in rows for x in where)
    return total, len(rows) * len(where)


def judge(ours, truth, speed):
    """Ghost energy and PSNR."""
    ghost = ghost_pixels = whole = whole_pixels = 0
    for i in range(FIRST, FRAMES - 4):
        near = set().union(*(columns(speed, j) for j in range(i - 12, i + 5)))
        energy, pixels = error_in(ours[i], truth[i], range(TOP, TOP + SIDE), near - columns(speed, i, MARGIN))
        ghost, ghost_pixels = ghost + energy, ghost_pixels + pixels
        energy, pixels = error_in(ours[i], truth[i], range(HEIGHT), range(WIDTH))
        whole, whole_pixels = whole + energy, whole_pixels + pixels
    return ghost / ghost_pixels, 10 * math.log10(255 ** 2 * whole_pixels / whole)


def main():
    model = f'model-dir={Path(sys.argv[1]).resolve()}' if len(sys.argv) > 1 else ''
    print('| pixels per frame |', ' | '.join(WAYS), '|')
    print('|---:' * (len(WAYS) + 1) + '|')
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, 'source'), Path(folder, 'result')
        for speed in SPEEDS:
            truth = clip(speed)
            source.write_bytes(b''.join(frame + bytes([128]) * (WIDTH * HEIGHT // 2) for frame in truth))
            cells = []
            for properties in WAYS.values():
                pictures = upscale(source, result, f'{model} {properties}')
                if len(pictures) != FRAMES:
                    sys.exit(f'{properties}: {len(pictures)} of {FRAMES} frames came out')
                cells.append('{:.1f}, {:.2f} dB'.format(*judge(pictures, truth, speed)))
            print(f'| {speed} |', ' | '.join(cells), '|', flush=True)


main()
