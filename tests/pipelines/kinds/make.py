# SPDX-License-Identifier: Apache-2.0
"""Makes the catalogue's files: one test picture and one sound, in every form that ffmpeg writes, and what ffmpeg
does not write by editing its bytes."""
import hashlib
import os
import struct
import subprocess
from pathlib import Path

WIDTH, HEIGHT, FRAMES = 96, 72, 30
COLUMNS, ROWS = 8, 6  # of the blocks by whose means pictures are compared


def run(*words):
    result = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True)
    if result.returncode != 0:
        raise RuntimeError(f'{" ".join(map(str, words))}: {result.stderr.decode(errors="replace").strip()[-600:]}')
    return result.stdout


def ffmpeg(*words):
    return run('ffmpeg', '-v', 'error', '-y', *words)


def picture(number):
    """16-bit RGB: a smooth slope of every component, which 8 bits cannot hold, and a bright block that is at
    another place in each of 48 frames."""
    place = number * 5 % (COLUMNS * ROWS)
    left, top = place % COLUMNS * (WIDTH // COLUMNS), place // COLUMNS * (HEIGHT // ROWS)
    values = []
    for y in range(HEIGHT):
        for x in range(WIDTH):
            inside = left <= x < left + WIDTH // COLUMNS and top <= y < top + HEIGHT // ROWS
            across, down = x / (WIDTH - 1), y / (HEIGHT - 1)
            values += ((58000, 60000, 55000) if inside else
                       (int(6000 + 36000 * across + 4000 * down), int(9000 + 27000 * down + 3000 * across),
                        int(52000 - 15000 * across - 14000 * down)))
    return struct.pack(f'<{len(values)}H', *values)


TEXTS = {
    'text.srt': '1\n00:00:00,200 --> 00:00:00,500\nHello\n\n2\n00:00:00,600 --> 00:00:00,900\nMärz\n',
    'chapters': ';FFMETADATA1\ntitle=A title\nartist=Somebody\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=One\n'
                '[CHAPTER]\nTIMEBASE=1/1000\nSTART=500\nEND=1200\ntitle=Two\n',
    'notes.txt': 'Not a picture.\n' * 40,
}


PARTS = {'text': 'text.srt', 'chapters': 'chapters', 'notes': 'notes.txt', 'cover': 'cover.jpg'}  # as {text} in the words


class Workshop:
    """A folder with the parts that files are made of."""

    def __init__(self, folder):
        self.folder = folder
        self.parts = {name: folder / file for name, file in PARTS.items()}
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / 'ready').exists():
            return
        for name, text in TEXTS.items():
            (folder / name).write_text(text)
        replace(folder / 'pictures', b''.join(map(picture, range(FRAMES))))
        ffmpeg('-f', 'lavfi', '-i', 'color=red:s=48x48', '-frames:v', 1, folder / 'cover.jpg')
        (folder / 'ready').touch()

    def base(self, path, words, frames=FRAMES, rate='25', sound_seconds=None):
        """The picture and the sound through ffmpeg; `words` are what stands between inputs and output."""
        words = (words if '-pix_fmt' in words else f'{words} -pix_fmt yuv420p').format(**self.parts)
        top, _, bottom = rate.partition('/')
        period = int(bottom or 1) / float(top)
        seconds = sound_seconds or frames * period
        chirp = f"aevalsrc='0.4*sin(2*PI*(300+900*t)*t)|0.3*sin(2*PI*(900-200*t)*t)':s=48000:d={seconds:.6f}"
        ffmpeg('-f', 'rawvideo', '-pix_fmt', 'rgb48le', '-s', f'{WIDTH}x{HEIGHT}', '-r', rate, '-stream_loop', -1, '-t',
               (frames - 0.25) * period, '-i', self.folder / 'pictures', '-f', 'lavfi', '-i', chirp, *words.split(), path)
        return path


def replace(path, data):
    """Writes a file that others may be about to read or write."""
    temporary = path.with_name(f'{path.name}.{os.getpid()}')
    temporary.write_bytes(data)
    temporary.rename(path)


def generation():
    """Changes when a file that is already there would be made in another way, or measured in another way."""
    total = hashlib.sha256(run('ffmpeg', '-version').splitlines()[0])
    for source in sorted(Path(__file__).parent.glob('*.py')):
        if source.name in ('make.py', 'edit.py', 'measure.py'):
            total.update(source.read_bytes())
    return total.hexdigest()[:12]
