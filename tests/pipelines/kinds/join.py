# SPDX-License-Identifier: Apache-2.0
"""Files that take more than one run of ffmpeg: for `Kind.make`, called with the workshop and the path."""
import struct
import tempfile
from pathlib import Path

from .edit import described
from .make import ffmpeg


def stepwise(maker, *values):
    """maker(workshop, path, first) makes the file; `first` is a path of the same ending that it may use."""
    def make(workshop, path):
        with tempfile.TemporaryDirectory() as folder:
            maker(workshop, path, Path(folder) / f'first{path.suffix}')
    return described(make, maker.__qualname__, *values)


def only_head(workshop, path):
    workshop.base(path, '-c:v libx264 -an -movflags empty_moov+frag_keyframe', 1)
    data = path.read_bytes()
    path.write_bytes(data[:data.index(b'moof') - 4])


def cut_from(second, words):
    def cut(workshop, path, first):
        workshop.base(first, words)
        ffmpeg('-ss', second, '-i', first, '-map', 0, '-c', 'copy', path)
    return stepwise(cut, second, words)


def offset(track, late, words):
    """One track begins later than the other."""
    def shift(workshop, path, first):
        workshop.base(first, words)
        order = ['-i', first, '-itsoffset', late, '-i', first]
        maps = ['-map', '0:a', '-map', '1:v'] if track == 'v' else ['-map', '0:v', '-map', '1:a']
        ffmpeg(*order, *maps, '-c', 'copy', path)
    return stepwise(shift, track, late, words)


def one_after_another(*all_words):
    """The bytes of several files."""
    def join(workshop, path, first):
        data = b''
        for words in all_words:
            data += workshop.base(first, words).read_bytes()
        path.write_bytes(data)
    return stepwise(join, *all_words)


def sound_of(seconds, words):
    return described(lambda workshop, path: workshop.base(path, words, sound_seconds=seconds), seconds, words)


def rotated(degrees, words):
    def rotate(workshop, path, first):
        workshop.base(first, words)
        ffmpeg('-i', first, '-c', 'copy', '-metadata:s:v', f'rotate={degrees}', path)
    return stepwise(rotate, degrees, words)


def mp4s(*all_words):
    """Joined by ffmpeg, without coding them anew."""
    def join(workshop, path, first):
        files = [workshop.base(first.with_name(f'{i}.mp4'), words) for i, words in enumerate(all_words)]
        first.write_text(''.join(f"file '{file}'\n" for file in files))
        ffmpeg('-f', 'concat', '-safe', 0, '-i', first, '-c', 'copy', path)
    return stepwise(join, *all_words)


def with_hole(words):
    """A second of the sound is missing in the middle."""
    def drop(workshop, path, first):
        workshop.base(first, words)
        ffmpeg('-i', first, '-c', 'copy', '-bsf:a', 'noise=drop=gt(n\\,15)*lt(n\\,40)', path)
    return stepwise(drop, words)


def slides(words):
    """Three pictures, of which the second is shown for 5 seconds, and sound after the last."""
    def show(workshop, path):
        ffmpeg('-f', 'rawvideo', '-pix_fmt', 'rgb48le', '-s', '96x72', '-r', 25, '-i', workshop.folder / 'pictures', '-f', 'lavfi',
               '-i', 'sine=d=16', '-vf', "select='lt(n,3)',setpts='if(eq(N,0),0,if(eq(N,1),0.1,5.1))/TB'", '-vsync', 'vfr',
               '-pix_fmt', 'yuv420p', *words.split(), path)
    return described(show, words)


MATRIX = struct.Struct('>9i')


def with_matrix(head, matrix, words):
    """The matrix of the first track's head (tkhd), or of the whole film's (mvhd)."""
    def change(workshop, path, first):
        data = workshop.base(first, words).read_bytes()
        plain = MATRIX.pack(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
        place = data.index(plain, data.index(head))
        path.write_bytes(data[:place] + MATRIX.pack(*matrix) + data[place + len(plain):])
    return stepwise(change, head, matrix, words)


MIRROR = (-0x10000, 0, 0, 0, 0x10000, 0, 96 << 16, 0, 0x40000000)
QUARTER = (0, 0x10000, 0, -0x10000, 0, 0, 72 << 16, 0, 0x40000000)


# ---- Captions -------------------------------------------------------------------------------------

def caption_data(number):
    """ATSC A/53: two CEA-608 pairs a frame, of which the first counts."""
    pair = bytes([0xFC, 0x80 | (number % 64 + 32), 0x80 | 0x41])
    return b'GA94\x03' + bytes([0x40 | 2]) + b'\xff' + pair + b'\xfd\x80\x80' + b'\xff'


def escaped(data):
    """No start code inside."""
    result, zeros = bytearray(), 0
    for byte in data:
        if zeros >= 2 and byte <= 3:
            result.append(3)
            zeros = 0
        result.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(result)


def sei(head, number):
    data = b'\xb5\x00\x31' + caption_data(number)
    return b'\0\0\0\1' + head + escaped(b'\x04' + bytes([len(data)]) + data) + b'\x80'


def with_captions(form, data):
    """Before the first slice of every picture; into an MPEG-2 picture's user data."""
    parts = data.split(b'\0\0\1')
    result, number = parts[0], 0
    for part in parts[1:]:
        if form == 'h264' and part[0] & 31 in (1, 5) and part[1] & 0x80:  # first_mb_in_slice is 0
            result += sei(b'\x06', number)
        elif form == 'hevc' and part[0] >> 1 < 32 and part[2] & 0x80:
            result += sei(b'\x4e\x01', number)
        elif form == 'mpeg2' and part[0] == 1:  # the first slice
            result += b'\0\0\1\xb2' + caption_data(number)
        else:
            number -= 1
        number += 1
        result += b'\0\0\1' + part
    return result


TICKS = {'.mkv': 40, '.ts': 3600}  # of a frame; of others the time base of the stream without a container


def captions(form, words, again=None):
    """`again`: encoded once more, with captions as ffmpeg writes them, in an order that packets without times cannot have."""
    def caption(workshop, path, first):
        bare = first.with_suffix({'h264': '.h264', 'hevc': '.hevc', 'mpeg2': '.m2v'}[form])
        workshop.base(first, words)
        ffmpeg('-i', first, '-an', '-c', 'copy', bare)
        bare.write_bytes(with_captions(form, bare.read_bytes()))
        coding = again.split() if again else ['-c:v', 'copy', '-bsf:v', f'setts=ts=N*{TICKS.get(path.suffix, "0.04/TB")}']
        ffmpeg('-i', bare, '-i', first, '-map', '0:v', '-map', '1:a', '-c:a', 'copy', *coding, path)
    return stepwise(caption, form, words, again)


# ---- Pictures -------------------------------------------------------------------------------------

def exif(orientation):
    """An APP1 segment that says this and nothing else."""
    directory = struct.pack('>H', 1) + struct.pack('>HHIHH', 0x0112, 3, 1, orientation, 0) + struct.pack('>I', 0)
    content = b'Exif\0\0' + b'MM\0\x2a\0\0\0\x08' + directory
    return b'\xff\xe1' + struct.pack('>H', len(content) + 2) + content


def oriented(orientation, words):
    """A JPEG picture that is to be turned when it is shown."""
    def turn(workshop, path):
        workshop.base(path, words, 1)
        data = path.read_bytes()
        path.write_bytes(data[:2] + exif(orientation) + data[2:])
    return described(turn, orientation, words)


def with_pages(workshop, path):
    """A TIFF whose directory of the picture is there twice."""
    workshop.base(path, '-pix_fmt rgb24', 1)
    data = bytearray(path.read_bytes())
    begin, = struct.unpack_from('<I', data, 4)
    end = begin + 2 + 12 * struct.unpack_from('<H', data, begin)[0]
    struct.pack_into('<I', data, end, len(data))
    path.write_bytes(data + data[begin:end] + bytes(4))


def folder(ending, count):
    def fill(workshop, path):
        path.mkdir(exist_ok=True)
        workshop.base(path / f'%03d.{ending}', '-pix_fmt yuvj444p -q:v 1' if ending == 'jpg' else '-pix_fmt rgb24', count)
    return described(fill, ending, count)
