# SPDX-License-Identifier: Apache-2.0
"""What became of each property of a file: 'kept', 'said' (lost, and a line says so) or 'wrong'."""
import re
from fractions import Fraction

from .measure import has_alpha

# Of what the containers of the results keep: times in milliseconds, or no times at all.
GRAIN = {'mkv': 0.00101, 'webm': 0.00101, 'mp4': 0.0001, 'mov': 0.0001}
BARE = ('h264', 'hevc', 'mpegvideo', 'm4v', 'mjpeg', 'obu', 'ivf', 'dirac', 'y4m')  # streams without times
LOSSLESS = ('mkv', 'y4m', 'png')

SAID = {  # what a line has to speak of for a loss that is said
    'alpha': 'alpha|transparen', 'rotation': 'rotat', 'captions': 'caption',
    'light levels': 'HDR|level|mastering', 'chapters': 'chapter', 'attachments': 'attach', 'cover': 'cover|attached|picture|mjpeg',
    'time code': 'time code|timecode', 'data': 'data', 'title': 'tag|title', 'depth': 'bit', 'second video': 'video', 'aspect': 'aspect'}

LIGHT = ('Mastering display metadata', 'Content light level metadata')
CAPTIONS = 'ATSC A53 Part 4 Closed Captions'


def said_of(what):
    """Of sound and subtitles, this codec's: another track's loss is no word about this one."""
    kind, _, codec = what.partition(' ')
    return rf'\({re.escape(codec)}\)' if kind in ('sound', 'subtitles') else SAID.get(what, '(?!)')


class Findings:
    """Verdicts by property; what is wrong, in words. `losses`: what the program said."""

    def __init__(self, losses):
        self.text, self.verdicts, self.wrong = ' '.join(losses), {}, []

    def add(self, what, good, why=''):
        if good:
            verdict = 'kept'
        elif re.search(said_of(what), self.text, re.IGNORECASE):
            verdict = 'said'
        else:
            verdict = 'wrong'
            self.wrong.append(f'{what}: {why}')
        order = ('kept', 'said', 'wrong')
        self.verdicts[what] = max(verdict, self.verdicts.get(what, 'kept'), key=order.index)


def shown(values, count=4):
    return ', '.join(str(round(v, 4)) for v in values[:count]) + (', ...' if len(values) > count else '')


def first_difference(found, expected, allowed):
    return next((i for i, (a, b) in enumerate(zip(found, expected)) if abs(a - b) > allowed), None)


def grain_of(source, target):
    """What rounding may move a time by, in the file or in the result."""
    milliseconds = ('matroska,webm', 'flv', 'asf')
    return max(GRAIN.get(target, 0.0001), 0.00051 if source['format'] in milliseconds else 0)


# ---- Frames ---------------------------------------------------------------------------------------

def expected_times(kind, source):
    """Relative to the first frame."""
    if kind.expect.get('times') == 'file':
        return [t - source['times'][0] for t in source['times']]
    return [float(i / Fraction(kind.rate)) for i in range(source['frames'])]


def begin_of(kind, source, target):
    """Earliest and latest time that is right for the first frame: of transport and program streams counted from
    where they begin, of streams without a container 0. Matroska has no times before 0: what begins earlier, such as
    the priming of AAC and Opus, moves all else."""
    if 'begin' in kind.expect:
        return kind.expect['begin']
    if source['format'] in BARE or not source['times']:
        return (0, 0.08)  # the first decoding time, or the delay of B-frames after it
    begin = source['times'][0]
    zero = source['start'] if source['format'] in ('mpegts', 'mpeg') else 0
    early = min([track['times'][0] - zero for track in source['tracks'] if track['times'] and not track['cover']] + [0])
    return (begin - zero, begin - zero - (early if target in ('mkv', 'webm') else 0))


def compare_times(kind, source, result, target, findings):
    low, high = kind.frames if isinstance(kind.frames, tuple) else (kind.frames, kind.frames)
    findings.add('frames', low <= result['frames'] <= high, f'{result["frames"]} instead of {kind.frames}')
    if target not in GRAIN or result['frames'] != source['frames'] or kind.expect.get('times', '') is None:
        return
    expected = expected_times(kind, source)
    found = [t - result['times'][0] for t in result['times']]
    allowed = grain_of(source, target) + kind.expect.get('jitter', 0.00001)
    bad = first_difference(found, expected, allowed)
    findings.add('times', len(found) == len(expected) and bad is None,
                 f'frame {bad} at {shown(found[bad or 0:])} instead of {shown(expected[bad or 0:])}')
    low, high = begin_of(kind, source, target)
    findings.add('begin', low - allowed - 0.001 <= result['times'][0] <= high + allowed + 0.001,
                 f'first frame at {result["times"][0]:.4f} instead of {low:.4f} to {high:.4f}')


def compare_pictures(kind, source, result, target, findings):
    """By the means of blocks: order, colours, range, direction. Alpha apart, where both have it."""
    unsaid = target == 'y4m' and source['colour']['space'] not in ('unknown', 'smpte170m', 'bt470bg')  # it names no matrix
    if kind.expect.get('picture', '') is None or unsaid or result['frames'] != source['frames']:
        return
    usual = (30, 5) if kind.expect.get('interlaced') else (10, 2.0) if target in LOSSLESS else (16, 3.5)
    most, mean = kind.expect.get('picture', usual)
    alpha_in = has_alpha(source['pix_fmt']) and any(set(bytes.fromhex(m)[3::4]) != {255} for m in source['means'])
    alpha_out = has_alpha(result['pix_fmt'])
    for number, (found, expected) in enumerate(zip(result['means'], source['means'])):
        found, expected = bytes.fromhex(found), bytes.fromhex(expected)
        differences = [abs(a - b) for i, (a, b) in enumerate(zip(found, expected)) if i % 4 != 3]
        average = sum(differences) / len(differences)
        if max(differences) > most or average > mean:
            findings.add('picture', False, f'frame {number} differs by {average:.1f} of 255, at most {max(differences)}')
            break
    else:
        findings.add('picture', True)
        if 'Display Matrix' in source['side'] or '3x3 displaymatrix' in source['side']:
            findings.add('rotation', True)
    if alpha_in:
        same = alpha_out and all(abs(a - b) <= 6 for x, y in zip(result['means'], source['means'])
                                 for a, b in zip(bytes.fromhex(x)[3::4], bytes.fromhex(y)[3::4]))
        findings.add('alpha', same, f'{source["pix_fmt"]} became {result["pix_fmt"]}')


def sides(source):
    matrix = source['side'].get('Display Matrix') or source['side'].get('3x3 displaymatrix') or {}
    turn = abs(int(matrix.get('rotation', 0))) % 180
    width, height = source['size']
    return (height, width) if turn == 90 else (width, height)


def ratio(text):
    """Width to height of a pixel; what is not said is 1."""
    return 1 if text in ('0:1', 'N/A') else float(Fraction(text.replace(':', '/')))


def numbers(side):
    return {key: float(Fraction(value)) for key, value in side.items() if key not in ('count', 'side_data_type')}


def compare_format(kind, source, result, target, findings):
    scale = float((re.search(r'--scale (\S+)', kind.options) or [0, 2])[1])
    allowed = 1 if any(round(side * scale) % 2 for side in source['size']) else 0.5
    expected, found = sides(source), sides(result)
    findings.add('size', all(abs(a * scale - b) <= allowed for a, b in zip(expected, found)), f'{found} from {expected}')
    findings.add('aspect', abs(ratio(result['aspect']) - ratio(source['aspect'])) < 0.005,
                 f'{result["aspect"]} instead of {source["aspect"]}')
    if kind.expect.get('deep'):
        findings.add('depth', result['levels'] > 0.7 * min(source['levels'], 330),
                     f'{result["levels"]} levels in {result["pix_fmt"]}, {source["levels"]} in {source["pix_fmt"]}')
    if target in GRAIN:
        for key in ('transfer', 'primaries'):
            value = source['colour'][key]
            if value not in ('unknown', 'reserved'):
                findings.add('colour', result['colour'][key] == value, f'{key} {result["colour"][key]} instead of {value}')
    for name in LIGHT:
        if name in source['side']:
            old, new = (numbers(x['side'].get(name, {})) for x in (source, result))
            findings.add('light levels', old == new, f'{name}: {new} instead of {old}')
    if CAPTIONS in source['side']:
        count = [x['side'].get(CAPTIONS, {}).get('count', 0) for x in (source, result)]
        findings.add('captions', count[0] == count[1], f'{count[1]} frames have them instead of {count[0]}')


# ---- The rest of the file -------------------------------------------------------------------------

SAME = {'mp2': 'mp3'}  # mp4 has one name for both
NAMES = {'audio': 'sound', 'subtitle': 'subtitles', 'attachment': 'attachments', 'video': 'second video', 'data': 'data'}


def property_of(track):
    name = 'cover' if track['cover'] else NAMES[track['type']]
    return f'{name} {track["codec"]}' if name in ('sound', 'subtitles') else name


def compare_tracks(kind, source, result, target, findings):
    """Every track of the source is in the result, in order, or its loss is said. Pictures have no tracks."""
    if target not in GRAIN:
        return
    left = list(result['tracks'])
    for old in source['tracks']:
        if old['type'] == 'data' and source['format'].startswith('mov'):  # names of chapters, time code: tested as such
            continue
        what = property_of(old)
        new = next((t for t in left if t['type'] == old['type'] and t['cover'] == old['cover'] and
                    t['codec'] in (old['codec'], SAME.get(old['codec']))), None)
        if not new:
            findings.add(what, False, f'{old["codec"]} is not there')
            continue
        left.remove(new)
        compare_packets(kind, source, result, old, new, what, target, findings)
        findings.add('language', new['language'] == old['language'], f'{new["language"]} instead of {old["language"]}')
    for extra in left:
        if extra['type'] != 'data':
            findings.add('tracks', False, f'a {extra["type"]} ({extra["codec"]}) that was not there')


def copied(old, new):
    """Which packets of the one track are the packets of the other, and whether all are there that are to be heard."""
    places = []
    for i, value in enumerate(old['hashes']):
        if len(places) < len(new['hashes']) and new['hashes'][len(places)] == value:
            places.append(i)
        elif i not in old['unheard']:
            return places, False
    return places, len(places) == len(new['hashes'])


def compare_packets(kind, source, result, old, new, what, target, findings):
    if what.startswith('sound') and kind.expect.get('sound', 'bits') is None:
        return
    if old['summed'] or new['summed']:
        findings.add(what, old['hashes'] == new['hashes'], f'{old["codec"]}: other bits')
        return
    places, good = copied(old, new)
    findings.add(what, good, f'{old["codec"]}: {len(new["hashes"])} packets of {len(old["hashes"])}, other bits from {len(places)} on')
    if not good or not what.startswith(('sound', 'subtitles')) or not source['times'] or not result['times']:
        return
    if len(old['times']) != len(old['hashes']) or len(new['times']) != len(new['hashes']):
        return
    times = old['times']
    if 'joined' in kind.expect:  # the second half goes on where the first ends
        half = len(times) // 2
        again = float(kind.frames / Fraction(kind.rate)) / 2 + times[0] - times[half]
        times = times[:half] + [t + again for t in times[half:]]
    expected = [times[i] - source['times'][0] for i in places]
    found = [t - result['times'][0] for t in new['times']]
    low, high = begin_of(kind, source, target) if 'begin' in kind.expect else (0, 0)
    opus = 0.007 if old['codec'] == 'opus' and target in ('mkv', 'webm') else 0  # libavformat counts its pre-skip twice
    bad = first_difference(found, expected, grain_of(source, target) + 0.0012 + high - low + opus + kind.expect.get('jitter', 0))
    findings.add('lip sync', bad is None, f'{old["codec"]} packet {bad} is at {shown(found[bad or 0:])} after the first frame '
                 f'instead of {shown(expected[bad or 0:])}')


def compare_tags(source, result, target, findings):
    if target not in GRAIN:
        return
    if source['chapters']:
        same = len(source['chapters']) == len(result['chapters']) and all(
            a[2] == b[2] and abs(a[0] - b[0]) < 0.0011 for a, b in zip(source['chapters'], result['chapters']))
        findings.add('chapters', same, f'{result["chapters"]} instead of {source["chapters"]}')
    for key in ('title', 'artist'):
        if source[key]:
            findings.add('title', source[key] == result[key], f'{key} {result[key]!r} instead of {source[key]!r}')
    if source['timecode']:
        findings.add('time code', source['timecode'] == result['timecode'], f'{result["timecode"]!r} instead of {source["timecode"]!r}')


def compare(kind, source, result, target, losses):
    findings = Findings(losses)
    if not result or not result['frames']:
        findings.add('frames', False, 'no picture in the result')
        return findings
    compare_times(kind, source, result, target, findings)
    compare_pictures(kind, source, result, target, findings)
    compare_format(kind, source, result, target, findings)
    compare_tracks(kind, source, result, target, findings)
    compare_tags(source, result, target, findings)
    return findings
