#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures a model on held-out clips against bicubic (a = -0.5).

usage: quality.py EVAL_FOLDER WORK_FOLDER [--model DIR] [--clips a,b] [--frames N] [--color-fix F] [--markdown FILE]

EVAL_FOLDER holds a folder of PNG frames for each clip (tools/nano/data/make writes it). Each clip is made four times smaller
(antialiased bicubic, 8 bits), as it is and after H.264 (x264, quantizer 27), upscaled by flashvsrupscale and by bicubic, and
compared with the original:
  PSNR-Y  dB, BT.601 luma                              higher is better
  SSIM    luma, 11x11 Gaussian window of 1.5           higher is better
  GMSD    gradient magnitude similarity deviation      lower is better
  tPSNR   dB, PSNR of the differences between frames   higher is better
Run it in the shell of `meson devenv -C build -w .`; needs numpy and Pillow. WORK_FOLDER receives the pictures and sheets of
original, bicubic and result.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys

import numpy as np
from PIL import Image

SCALE = 4
RATE = 25


def luma(rgb):
    return np.asarray(rgb, np.float64) @ [0.299, 0.587, 0.114]


def psnr(mse):
    return 10 * np.log10(255 ** 2 / max(mse, 1e-10))


def blur(x, kernel):
    """Separable filter over the part of the picture where the kernel fits."""
    for axis in (0, 1):
        n = x.shape[axis] - len(kernel) + 1
        x = sum(weight * np.take(x, range(i, i + n), axis) for i, weight in enumerate(kernel))
    return x


def ssim(a, b):
    window = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = blur(a, window), blur(b, window)
    va, vb = blur(a * a, window) - ma * ma, blur(b * b, window) - mb * mb
    cov = blur(a * b, window) - ma * mb
    return np.mean((2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2)))


def gradient(x):
    """Prewitt magnitude after halving by 2x2 means, as the measure's authors do (Xue et al., 2014)."""
    x = x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2]
    x = (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4
    dx = (x[:, 2:] - x[:, :-2]) / 3
    dy = (x[2:] - x[:-2]) / 3
    gx = dx[:-2] + dx[1:-1] + dx[2:]
    gy = dy[:, :-2] + dy[:, 1:-1] + dy[:, 2:]
    return np.hypot(gx, gy)


def gmsd(a, b):
    ga, gb = gradient(a), gradient(b)
    return np.std((2 * ga * gb + 170) / (ga * ga + gb * gb + 170))


def measure(original, result):
    """Means over a clip of [H, W] lumas; tPSNR from the mean squared error of the differences."""
    errors = [np.mean((a - b) ** 2) for a, b in zip(original, result)]
    moves = [np.mean(((a1 - a0) - (b1 - b0)) ** 2)
             for a0, a1, b0, b1 in zip(original, original[1:], result, result[1:])]
    return {'PSNR-Y': np.mean([psnr(e) for e in errors]),
            'SSIM': np.mean([ssim(a, b) for a, b in zip(original, result)]),
            'GMSD': np.mean([gmsd(a, b) for a, b in zip(original, result)]),
            'tPSNR': psnr(np.mean(moves))}


def launch(pipeline):
    result = subprocess.run(['gst-launch-1.0', '-q', *pipeline.split()], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f'quality: {pipeline}\n{result.stdout}{result.stderr}')


def frames_source(folder):
    return f'multifilesrc location={folder}/%05d.png caps=image/png,framerate={RATE}/1 ! pngdec ! videoconvert'


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def shrink(frames, folder):
    for i, frame in enumerate(frames):
        small = frame.resize((frame.width // SCALE, frame.height // SCALE), Image.BICUBIC)
        small.save(folder / f'{i:05d}.png')


def compress(clean, folder):
    video = folder / 'clip.mp4'
    launch(f'{frames_source(clean)} ! video/x-raw,format=I420 ! x264enc pass=quant quantizer=27 ! mp4mux ! filesink location={video}')
    launch(f'filesrc location={video} ! qtdemux ! h264parse ! avdec_h264 ! videoconvert ! video/x-raw,format=RGB ! '
           f'pngenc ! multifilesink location={folder}/%05d.png')


def upscale(small, folder, options):
    model = f'model-dir={options.model}' if options.model else ''
    launch(f'{frames_source(small)} ! video/x-raw,format=RGB ! flashvsrupscale scale={SCALE} {model} color-fix={options.color_fix} ! '
           f'pngenc ! multifilesink location={folder}/%05d.png')


def read(folder):
    return [Image.open(path).convert('RGB') for path in sorted(folder.glob('*.png'))]


def sheet(original, bicubic, result, path):
    """The middle frame, a part of it enlarged: original, bicubic, result."""
    side = 176
    panels = []
    for frames in (original, bicubic, result):
        frame = frames[len(frames) // 2]
        left, top = (frame.width - side) // 2, (frame.height - side) // 2
        panels.append(frame.crop((left, top, left + side, top + side)).resize((2 * side, 2 * side), Image.NEAREST))
    picture = Image.new('RGB', (6 * side, 2 * side))
    for i, panel in enumerate(panels):
        picture.paste(panel, (2 * side * i, 0))
    picture.save(path)


def run_clip(clip, work, options):
    original = [Image.open(path).convert('RGB') for path in sorted(clip.glob('*.png'))[: options.frames]]
    size = original[0].size
    assert size[0] % SCALE == 0 and size[1] % SCALE == 0, f'{clip}: size {size} is not a multiple of {SCALE}'
    truth = [luma(frame) for frame in original]
    clean = fresh(work / clip.name / 'clean')
    shrink(original, clean)
    coded = fresh(work / clip.name / 'h264')
    compress(clean, coded)
    rows = {}
    for name, small in (('clean', clean), ('H.264', coded)):
        bicubic = [frame.resize(size, Image.BICUBIC) for frame in read(small)]
        out = fresh(work / clip.name / f'{small.name}-x4')
        upscale(small, out, options)
        result = read(out)
        assert len(result) == len(original), f'{clip}: {len(original)} frames in, {len(result)} out'
        rows[name] = measure(truth, [luma(f) for f in bicubic]), measure(truth, [luma(f) for f in result])
        sheet(original, bicubic, result, work / f'{clip.name}-{small.name}.png')
    return rows


def line(name, source, base, model):
    cells = [f'{base[key]:.{digits}f} / {model[key]:.{digits}f} ({model[key] - base[key]:+.{digits}f})'
             for key, digits in (('PSNR-Y', 2), ('SSIM', 4), ('GMSD', 4), ('tPSNR', 2))]
    return f'| {name} | {source} | ' + ' | '.join(cells) + ' |'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('eval', type=pathlib.Path)
    parser.add_argument('work', type=pathlib.Path)
    parser.add_argument('--model', default='')
    parser.add_argument('--clips', default='')
    parser.add_argument('--frames', type=int, default=10 ** 6)
    parser.add_argument('--color-fix', default='adain')
    parser.add_argument('--markdown', type=pathlib.Path)
    options = parser.parse_args()
    lines = ['| clip | input | PSNR-Y, dB | SSIM | GMSD | tPSNR, dB |', '|---|---|---|---|---|---|']
    totals = {}
    for clip in sorted(path for path in options.eval.iterdir() if path.is_dir()):
        if options.clips and clip.name not in options.clips.split(','):
            continue
        for source, pair in run_clip(clip, options.work, options).items():
            lines.append(line(clip.name, source, *pair))
            totals.setdefault(source, []).append(pair)
            print(lines[-1], flush=True)
    for source, pairs in totals.items():
        mean = [{key: np.mean([pair[i][key] for pair in pairs]) for key in pairs[0][i]} for i in (0, 1)]
        lines.append(line('**mean**', source, *mean))
        print(lines[-1])
    if options.markdown:
        options.markdown.write_text('\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
