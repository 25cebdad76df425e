# SPDX-License-Identifier: Apache-2.0
"""Compares the pictures of startup=fast with those of startup=reference.

    meson devenv -C build -w . python3 tests/gst/startup_quality.py [CLIP]

Makes the clip four times smaller, upscales it with the element's default model and prints, for frames that follow
the start, the PSNR of the luma against the original.
"""
import math
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GROUPS = ((0, 0), (1, 7), (8, 15), (16, 23), (24, 39))  # first and last frame


def launch(*words):
    result = subprocess.run(['gst-launch-1.0', *' '.join(words).split()], capture_output=True, text=True)
    if result.returncode:
        sys.exit(result.stderr)
    return result.stdout


def size_of(clip):
    log = launch(f'-v filesrc location={clip} ! decodebin ! videoconvert ! video/x-raw,format=I420 !',
                 'identity eos-after=2 ! fakesink')
    caps = next(line for line in log.splitlines() if 'identity0.GstPad:src: caps' in line)
    return tuple(int(caps.split(f'{side}=(int)')[1].split(',')[0]) for side in ('width', 'height'))


def luma(path, width, height):
    data = path.read_bytes()
    frame = width * height * 3 // 2
    return [data[i:i + width * height] for i in range(0, len(data) - frame + 1, frame)]


def psnr(ours, truth):
    error = sum((a - b) ** 2 for a, b in zip(ours, truth)) / len(truth)
    return 10 * math.log10(255 ** 2 / error) if error else math.inf


def main():
    clip = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / 'pipelines/media/clip.mp4').resolve()
    width, height = (side // 16 * 16 for side in size_of(clip))
    decode = (f'filesrc location={clip} ! decodebin ! videoconvert ! videoscale ! '
              f'video/x-raw,format=I420,width={width},height={height},pixel-aspect-ratio=1/1 ! '
              f'identity eos-after={GROUPS[-1][1] + 2}')
    ways = {'bicubic': 'enabled=false', 'reference': 'startup=reference', 'fast': 'startup=fast'}
    quality = {}
    with tempfile.TemporaryDirectory() as folder:
        truth = Path(folder, 'truth')
        launch('-q', decode, f'! filesink location={truth}')
        frames = luma(truth, width, height)
        for way, properties in ways.items():
            result = Path(folder, way)
            launch('-q', decode, '! videoscale method=lanczos !',
                   f'video/x-raw,width={width // 4},height={height // 4} !',
                   f'flashvsrupscale scale=4 {properties} ! filesink location={result}')
            quality[way] = [psnr(*pair) for pair in zip(luma(result, width, height), frames)]
    print('| frames |', ' | '.join(ways), '|')
    print('|---' * (len(ways) + 1) + '|')
    for first, last in GROUPS:
        means = (sum(quality[way][first:last + 1]) / (last + 1 - first) for way in ways)
        print(f'| {first} to {last} |' if first < last else f'| {first} |',
              ' | '.join(f'{mean:.2f}' for mean in means), '|')


main()
