# SPDX-License-Identifier: Apache-2.0
"""Runs flashvsr-upscale and looks at files, for the tests of this folder."""
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / 'tests/support'))

import cases  # noqa: E402

BUILD = Path(os.environ.get('FLASHVSR_BUILD', ROOT / 'build'))
PROGRAM = BUILD / 'pipelines/upscale/flashvsr-upscale'
FARM = ROOT / 'pipelines/farm/flashvsr-farm'
CLIP = ROOT / 'pipelines/media/clip.mp4'

NANO = dict(os.environ)
NANO['GST_PLUGIN_PATH'] = ':'.join([str(BUILD / 'gst'), NANO.get('GST_PLUGIN_PATH', '')]).rstrip(':')
NANO.setdefault('FLASHVSR_ENGINE', str(BUILD / 'core/libflashvsr.so'))
NANO['FLASHVSR_UPSCALE'] = str(PROGRAM)
NANO['FLASHVSR_MODEL_DIR'] = str(ROOT / 'models/nano')
NANO['GST_REGISTRY'] = str(BUILD / 'gstreamer-registry.bin')
# The real schedule and nearest-neighbour pictures: for what the program does beside the model.
STUB = {**NANO, 'FLASHVSR_ENGINE': str(BUILD / 'tests/gst/libstub_engine.so')}


def start(*arguments, env=None, **more):
    return subprocess.Popen([PROGRAM, *map(str, arguments)], env={**STUB, **(env or {})}, text=True,
                            **more)


def upscale(*arguments, status=0, env=None, **more):
    """Runs the program; returns what it printed."""
    result = subprocess.run([PROGRAM, *map(str, arguments)], env={**STUB, **(env or {})},
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, **more)
    text = result.stdout.decode(errors='replace')
    assert result.returncode == status, f'{arguments}: exit status {result.returncode}\n{text}'
    return text


def ffmpeg(*words):
    subprocess.run(['ffmpeg', '-v', 'error', '-y', *map(str, words)], check=True,
                   stdin=subprocess.DEVNULL)


def ffprobe(path, *words):
    return subprocess.run(['ffprobe', '-v', 'error', '-of', 'csv=p=0', *map(str, words), str(path)],
                          check=True, capture_output=True, text=True).stdout.split()


def times(path):
    """Of every decoded frame, in microseconds, as the file says."""
    lines = ffprobe(path, '-select_streams', 'v:0', '-show_entries', 'frame=pts_time')
    return [round(float(line.strip(',')) * 1e6) for line in lines]


def size(path):
    return tuple(map(int, ffprobe(path, '-select_streams', 'v:0', '-show_entries',
                                  'stream=width,height')[0].strip(',').split(',')))


def packets(path, stream):
    """Time, size and sum of every packet of a track."""
    result = subprocess.run(['ffmpeg', '-v', 'error', '-i', str(path), '-map', f'0:{stream}', '-c',
                             'copy', '-f', 'framemd5', '-'], check=True, capture_output=True, text=True)
    return [line for line in result.stdout.splitlines() if not line.startswith('#')]


def pictures(path):
    """A sum of every decoded frame."""
    result = subprocess.run(['ffmpeg', '-v', 'error', '-i', str(path), '-map', '0:v:0', '-f',
                             'framemd5', '-'], check=True, capture_output=True, text=True)
    return [line.split()[-1] for line in result.stdout.splitlines() if not line.startswith('#')]


def small_clip(folder, seconds=2, name='small.mp4'):
    """The clip that ships, cut and made small: 80x48, 25 FPS, its own sound."""
    path = folder / name
    ffmpeg('-i', CLIP, '-t', seconds, '-vf', 'scale=80:48', '-c:v', 'libx264', '-bf', 2, '-c:a', 'copy',
           path)
    return path


def only(folder, *names):
    found = sorted(path.name for path in folder.iterdir())
    assert found == sorted(names), f'files in the folder: {found}, expected {names}'


def farm(*arguments, status=0, env=None):
    """Runs flashvsr-farm; returns what it printed."""
    result = subprocess.run([FARM, *map(str, arguments)], env={**STUB, **(env or {})}, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=cases.PATIENCE, text=True)
    assert result.returncode == status, f'{arguments}: exit status {result.returncode}\n{result.stdout}'
    return result.stdout


def film(folder, seconds, name):
    """A small video without sound."""
    ffmpeg('-f', 'lavfi', '-i', f'testsrc2=s=32x32:r=10:d={seconds}', '-c:v', 'libx264', '-g', 10, folder / name)
    return folder / name


# ProRes: once in some thousand times x264 makes a few bytes else of the same frames.
FILM = ['--codec', 'prores', '--scale', 1]


def run_tests(tests):
    """As cases.run_tests; the program has to be there."""
    if not PROGRAM.is_file():
        print(f'{PROGRAM} is not built')
        return 77
    return cases.run_tests(tests)
