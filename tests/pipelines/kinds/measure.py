# SPDX-License-Identifier: Apache-2.0
"""What a media file holds: frames, their times and pictures, packets of the other tracks, tags. As ffmpeg reads it."""
import json
import re
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path

from .make import COLUMNS, ROWS

ENTRIES = ('packet=stream_index,pts,size,data_hash,flags'
           ':frame=media_type,stream_index,best_effort_timestamp,pix_fmt,width,height,interlaced_frame'
           ':frame_side_data'
           ':stream=index,codec_name,codec_type,time_base,pix_fmt,width,height,sample_aspect_ratio,color_range,'
           'color_space,color_transfer,color_primaries,start_pts,extradata_size,sample_rate,channels'
           ':stream_disposition:stream_tags:stream_side_data:format=format_name,start_time,duration:format_tags:chapter:chapter_tags')
ALPHA = ('rgba', 'bgra', 'argb', 'abgr', 'yuva', 'gbrap', 'ya8', 'ya16', 'pal8')


def names(path):
    """A folder is its pictures, as many a second as flashvsr-upscale makes of them."""
    if path.is_dir():
        return ['-framerate', '30', '-i', path / f'%03d{next(path.iterdir()).suffix}']
    return ['-i', path]


def probe(path):
    result = subprocess.run(['ffprobe', '-v', 'error', '-show_packets', '-show_frames', '-show_streams', '-show_format',
                             '-show_chapters', '-show_data_hash', 'md5', '-show_entries', ENTRIES, '-of', 'json', *names(path)],
                            capture_output=True, stdin=subprocess.DEVNULL)
    return json.loads(result.stdout or '{}')


def has_alpha(pix_fmt):
    return pix_fmt.startswith(ALPHA)


def is_rgb(pix_fmt):
    return pix_fmt.startswith(('rgb', 'bgr', 'gbr', 'argb', 'abgr', '0rgb', '0bgr', 'pal8', 'x2rgb'))


def seconds(ticks, stream):
    return float(ticks * Fraction(stream['time_base']))


def main_video(streams, packets):
    """Index of the moving picture: no cover, and of several the longest."""
    videos = [s['index'] for s in streams if s.get('codec_type') == 'video' and not s['disposition']['attached_pic']]
    count = {index: sum(p['stream_index'] == index for p in packets) for index in videos}
    return max(videos, key=lambda index: (count[index], -index), default=None)


def look(path, streams, video, pix_fmt, decoder):
    """Means of the blocks of every frame, 8 bits, RGB and alpha; and how many levels the first frame has. Of PCM
    sound, a sum of all of it: its packets are as long as a container likes."""
    form, plane = ('gbrp', 'g') if is_rgb(pix_fmt) else ('yuv444p', 'y')
    wide = bool(re.search(r'(9|1[0246]|48|64)[lb]e$', pix_fmt))
    means = f'scale={COLUMNS}:{ROWS}:flags=area+full_chroma_int+full_chroma_inp+accurate_rnd,format=rgba'
    graph = f'[0:{video}]split[a][b];[a]{means}[means];[b]trim=end_frame=1,format={form}{16 if wide else ""},extractplanes={plane}[levels]'
    words = ['-filter_complex', graph, '-map', '[means]', '-vsync', 'passthrough', '-f', 'rawvideo', 'means',
             '-map', '[levels]', '-f', 'rawvideo', 'levels']
    raw = {}
    for stream in streams:
        if stream.get('codec_type') != 'audio':
            continue
        if stream['codec_name'].startswith('pcm'):
            raw[stream['index']] = f'sound{stream["index"]}'
            words += ['-map', f'0:{stream["index"]}', '-c', 'copy', '-f', 'hash', raw[stream['index']]]
        elif stream['codec_name'] == 'aac' and not stream.get('extradata_size'):  # in ADTS frames
            raw[stream['index']] = f'sound{stream["index"]}'
            words += ['-map', f'0:{stream["index"]}', '-c', 'copy', '-bsf:a', 'aac_adtstoasc', '-f', 'framehash',
                      '-hash', 'md5', raw[stream['index']]]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['ffmpeg', '-v', 'error', '-y', *decoder, *names(path), *words], cwd=folder, capture_output=True,
                       stdin=subprocess.DEVNULL)
        read = {name: (Path(folder) / name) for name in ('means', 'levels', *raw.values())}
        bytes_of = {name: file.read_bytes() if file.exists() else b'' for name, file in read.items()}
    size = COLUMNS * ROWS * 4
    means = bytes_of['means']
    levels = bytes_of['levels']
    return ([means[i:i + size].hex() for i in range(0, len(means), size)],
            len({levels[i:i + 2] for i in range(0, len(levels) - 1, 2)} if wide else set(levels)),
            {index: bytes_of[name].decode() for index, name in raw.items()})


def track(stream, packets, raw):
    """Of a track that is copied: its packets, and what is said of it."""
    own = [p for p in packets if p['stream_index'] == stream['index'] and p.get('size') != '0']
    hashes = [p.get('data_hash', '').removeprefix('MD5:') for p in own]
    if stream['index'] in raw:
        lines = [line for line in raw[stream['index']].splitlines() if line and not line.startswith('#')]
        hashes = [line.split(',')[5].strip() if ',' in line else line for line in lines]  # or the one sum of PCM
    return {'type': stream.get('codec_type', 'data'), 'codec': stream.get('codec_name', '?'),
            'language': stream.get('tags', {}).get('language', 'und'), 'title': stream.get('tags', {}).get('title', ''),
            'default': stream['disposition']['default'], 'cover': stream['disposition']['attached_pic'],
            'times': [seconds(p['pts'], stream) for p in own if 'pts' in p], 'hashes': hashes,
            'unheard': [i for i, p in enumerate(own) if 'D' in p.get('flags', '')],  # an edit list leaves them out
            'summed': stream['index'] in raw and len(hashes) == 1 and len(own) != 1}


def side_data(things):
    """Levels of light, spherical and stereo descriptions, captions: by type."""
    kinds = {}
    for thing in things:
        for item in thing.get('side_data_list', []):
            kind = item.get('side_data_type', '?')
            kinds[kind] = {**item, 'count': kinds.get(kind, {}).get('count', 0) + 1}
    return kinds


def measure(path):
    """Everything, as a dictionary that JSON holds. No video: it has no 'frames'."""
    found = probe(path)
    packets = [p for p in found.get('packets_and_frames', []) if p.get('type') == 'packet']
    frames = [f for f in found.get('packets_and_frames', []) if f.get('type') == 'frame']
    streams = found.get('streams', [])
    video = main_video(streams, packets)
    if video is None:
        return {}
    stream = next(s for s in streams if s['index'] == video)
    own = [f for f in frames if f['stream_index'] == video and f['media_type'] == 'video']
    pix_fmt = own[0]['pix_fmt'] if own else stream.get('pix_fmt', 'unknown')
    decoder = []
    beside = stream.get('tags', {}).get('alpha_mode', stream.get('tags', {}).get('ALPHA_MODE')) == '1'
    if beside and stream.get('codec_name') in ('vp8', 'vp9'):  # which ffmpeg's own decoders leave out
        pix_fmt, decoder = 'yuva420p', ['-c:v', {'vp8': 'libvpx', 'vp9': 'libvpx-vp9'}[stream['codec_name']]]
    means, levels, raw = look(path, streams, video, pix_fmt, decoder)
    tags = {key.lower(): value for key, value in found['format'].get('tags', {}).items()}
    return {
        'frames': len(own), 'means': means, 'levels': levels, 'pix_fmt': pix_fmt,
        'times': [seconds(f['best_effort_timestamp'], stream) for f in own if 'best_effort_timestamp' in f],
        'size': [own[0]['width'], own[0]['height']] if own else [],
        'interlaced': sum(f.get('interlaced_frame', 0) for f in own),
        'codec': stream.get('codec_name', '?'), 'aspect': stream.get('sample_aspect_ratio', '1:1'),
        'colour': {key: stream.get(f'color_{key}', 'unknown') for key in ('range', 'space', 'transfer', 'primaries')},
        'language': stream.get('tags', {}).get('language', 'und'),
        'side': {**side_data(own), **side_data([stream])},
        'tracks': [track(s, packets, raw) for s in streams if s['index'] != video],
        'chapters': [[float(c['start_time']), float(c['end_time']), c.get('tags', {}).get('title', '')]
                     for c in found.get('chapters', [])],
        'title': tags.get('title', ''), 'artist': tags.get('artist', ''),
        'timecode': stream.get('tags', {}).get('timecode', tags.get('timecode', '')),
        'format': found['format']['format_name'], 'start': float(found['format'].get('start_time', 0)),
    }
