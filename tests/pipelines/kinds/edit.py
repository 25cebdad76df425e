# SPDX-License-Identifier: Apache-2.0
"""Edits of bytes that ffmpeg does not make: for `Kind.edit`, bytes to bytes."""
import struct


def described(function, *values):
    """With its values as part of the identity of the file that it makes."""
    function.description = f'{function.__qualname__}{values}'
    return function


def cut(fraction):
    return described(lambda data: data[:int(len(data) * fraction)], 'cut', fraction)


def flipped(first, last, step):
    """One bit in every `step` bytes between two fractions of the file."""
    def apply(data):
        changed = bytearray(data)
        for place in range(int(len(data) * first), int(len(data) * last), step):
            changed[place] ^= 0x10
        return bytes(changed)
    return described(apply, first, last, step)


def zeroed(first, last):
    def apply(data):
        begin, end = int(len(data) * first), int(len(data) * last)
        return data[:begin] + bytes(end - begin) + data[end:]
    return described(apply, first, last)


def filled(first, last, byte):
    def apply(data):
        begin, end = int(len(data) * first), int(len(data) * last)
        return data[:begin] + bytes([byte]) * (end - begin) + data[end:]
    return described(apply, first, last, byte)


def without(first, last):
    def apply(data):
        return data[:int(len(data) * first)] + data[int(len(data) * last):]
    return described(apply, first, last)


def surrounded(before, after):
    return described(lambda data: before + data + after, 'surrounded', before, after)


def instead(text):
    return described(lambda data: text, 'instead', text)


def replaced(old, new, count=1):
    def apply(data):
        assert old in data, f'{old!r} is not in the file'
        return data.replace(old, new, count)
    return described(apply, old, new, count)


# ---- MPEG-TS ------------------------------------------------------------------------------------

def without_packets(first, last, step, size=188):
    """Every `step`th packet between two fractions of the file is lost."""
    def apply(data):
        packets = [data[i:i + size] for i in range(0, len(data), size)]
        begin, end = int(len(packets) * first), int(len(packets) * last)
        return b''.join(p for i, p in enumerate(packets) if not begin <= i < end or (i - begin) % step)
    return described(apply, first, last, step)


def bad_sound_packet(number):
    """The sound in this one of the second stream's packets is something else."""
    def apply(data):
        place = [i for i in range(0, len(data), 188) if data[i + 1:i + 3] == b'\x41\x01'][number]
        head = place + 4 + (1 + data[place + 4] if data[place + 3] & 0x20 else 0)
        begin = head + 9 + data[head + 8]
        return data[:begin] + b'\x55' * (place + 188 - begin) + data[place + 188:]
    return described(apply, number)


def scrambled(data):
    """As of a station that is paid for: sound and picture, not the tables."""
    packets = [bytearray(data[i:i + 188]) for i in range(0, len(data), 188)]
    for packet in packets:
        if packet[1] & 0x1F == 1:  # identifiers from 0x100 on
            packet[3] |= 0x80
            packet[20:] = bytes(byte ^ 0x5A for byte in packet[20:])
    return b''.join(packets)


def with_check_bytes(data):
    """16 bytes after each packet, as receivers of satellites write."""
    return b''.join(data[i:i + 188] + bytes(16) for i in range(0, len(data), 188))


def without_times(step):
    """Every `step`th picture has no time stamp."""
    def apply(data):
        changed, pictures = bytearray(data), 0
        for place in range(0, len(data), 188):
            head = place + 4 + (1 + data[place + 4] if data[place + 3] & 0x20 else 0)
            if not data[place + 1] & 0x40 or data[head:head + 3] != b'\0\0\1' or data[head + 3] & 0xF0 != 0xE0:
                continue
            pictures += 1
            if pictures % step == 0:
                size = {2: 5, 3: 10}.get(data[head + 7] >> 6, 0)
                changed[head + 7] &= 0x3F
                changed[head + 9:head + 9 + size] = b'\xff' * size
        return bytes(changed)
    return described(apply, step)


# ---- MP4 ----------------------------------------------------------------------------------------

def edited_boxes(data, path, change):
    """Replaces the content of every box on the path, b'moov', b'trak', ...; sizes follow."""
    result, place = b'', 0
    while place + 8 <= len(data):
        size, name = struct.unpack('>I4s', data[place:place + 8])
        size = size or len(data) - place
        content = data[place + 8:place + size]
        if name == path[0]:
            content = change(content) if len(path) == 1 else edited_boxes(content, path[1:], change)
        result += struct.pack('>I4s', len(content) + 8, name) + content
        place += size
    return result


def edits(*entries):
    """(duration, media time, rate) of every edit of the first track, which has an edit list already."""
    def apply(data):
        lists = []

        def change(content):
            lists.append(content)
            if len(lists) > 1:
                return content
            packed = b''.join(struct.pack('>IiHh', d, t, r, 0) for d, t, r in entries)
            return content[:4] + struct.pack('>I', len(entries)) + packed
        changed = edited_boxes(data, [b'moov', b'trak', b'edts', b'elst'], change)
        assert lists, 'no edit list'
        return changed
    return described(apply, entries)


# ---- Matroska -----------------------------------------------------------------------------------

def ebml_number(data, place, keep_marker):
    first = data[place]
    length = 9 - first.bit_length()
    value = int.from_bytes(data[place:place + length], 'big')
    if not keep_marker:
        value &= (1 << (7 * length)) - 1
        if value == (1 << (7 * length)) - 1:
            value = None  # unknown
    return value, place + length


def ebml(identity, content):
    return identity.to_bytes((identity.bit_length() + 7) // 8, 'big') + (1 << 56 | len(content)).to_bytes(8, 'big') + content


SEGMENT, CLUSTER, SIMPLE_BLOCK, SEEK_HEAD, CUES, VOID = 0x18538067, 0x1F43B675, 0xA3, 0x114D9B74, 0x1C53BB6B, 0xEC


def edited_elements(data, change):
    """Every element of the file, of its segment and of its clusters through `change`; indices by place go."""
    result, place = b'', 0
    while place < len(data):
        identity, place = ebml_number(data, place, True)
        size, place = ebml_number(data, place, False)
        size = len(data) - place if size is None else size
        content = data[place:place + size]
        place += size
        if identity in (SEGMENT, CLUSTER):
            result += ebml(identity, edited_elements(content, change))
        elif identity not in (SEEK_HEAD, CUES, VOID):
            result += change(identity, content)
    return result


def without_cues(data):
    return edited_elements(data, ebml)


def block_groups(data):
    """As older programs write: a group for each block, which says whether it refers to another."""
    def change(identity, content):
        if identity != SIMPLE_BLOCK:
            return ebml(identity, content)
        key = content[3] & 0x80
        block = content[:3] + bytes([content[3] & 0x0F]) + content[4:]
        return ebml(0xA0, ebml(0xA1, block) + (b'' if key else ebml(0xFB, b'\xd8')))  # 40 ms before
    return edited_elements(data, change)


def elements(content):
    place = 0
    while place < len(content):
        identity, place = ebml_number(content, place, True)
        size, place = ebml_number(content, place, False)
        yield identity, content[place:place + size]
        place += size


TRACKS, TRACK = 0x1654AE6B, 0xAE


def changed_first_track(change):
    """Of an element of the first track, in the file's head, what `change` makes."""
    def apply(identity, content):
        if identity != TRACKS:
            return ebml(identity, content)
        tracks = list(elements(content))
        first = next(i for i, (kind, _) in enumerate(tracks) if kind == TRACK)
        tracks[first] = (TRACK, change(tracks[first][1]))
        return ebml(identity, b''.join(ebml(*track) for track in tracks))
    return apply


def stripped_headers(data):
    """The two bytes that begin every block of the first track stand in the file's head, as older mkvmerge wrote."""
    begin = b'\0\0'
    compression = ebml(0x5034, ebml(0x4254, b'\3') + ebml(0x4255, begin))
    coding = ebml(0x6D80, ebml(0x6240, ebml(0x5031, b'\0') + ebml(0x5032, b'\1') + ebml(0x5033, b'\0') + compression))
    head = changed_first_track(lambda track: track + coding)

    def change(identity, content):
        if identity == SIMPLE_BLOCK and content[0] == 0x81:
            assert content[4:6] == begin
            return ebml(identity, content[:4] + content[6:])
        return head(identity, content)
    return edited_elements(data, change)


def laced_sound(data):
    """Two packets of the second track a block."""
    waiting = []

    def change(identity, content):
        if identity != SIMPLE_BLOCK or content[0] != 0x82:
            return ebml(identity, content)
        waiting.append(content)
        if len(waiting) < 2:
            return b''
        first, second = waiting
        waiting.clear()
        size = len(first) - 4
        laces = b'\1' + b'\xff' * (size // 255) + bytes([size % 255])
        return ebml(identity, first[:3] + bytes([first[3] | 2]) + laces + first[4:] + second[4:])
    return edited_elements(data, change)


# ---- MPEG-2 -------------------------------------------------------------------------------------

def telecine(data):
    """Of four pictures two are shown for three fields, as films on NTSC discs are."""
    changed, place, number = bytearray(data), 0, 0
    while (place := data.find(b'\0\0\1\xb5', place)) >= 0:
        if data[place + 4] >> 4 == 1:
            changed[place + 5] &= ~0x08  # not all pictures are progressive
        if data[place + 4] >> 4 == 8:
            top_first, repeat = ((1, 1), (0, 0), (0, 1), (1, 0))[number % 4]
            changed[place + 7] = data[place + 7] & 0x7D | top_first << 7 | repeat << 1
            number += 1
        place += 4
    return bytes(changed)


# ---- AVI ----------------------------------------------------------------------------------------

def packed_b_frames(data):
    """As DivX 5 and XviD wrote: the reference and the B-frame before it in one chunk, then a chunk that says "not
    coded". The stream names itself DivX, by which decoders know."""
    begin = data.index(b'movi') + 4
    end = begin + struct.unpack('<I', data[begin - 8:begin - 4])[0] - 4
    chunks, place = [], begin
    while place + 8 <= end:
        size = struct.unpack('<I', data[place + 4:place + 8])[0]
        if data[place:place + 4] == b'00dc':
            chunks.append(data[place + 8:place + 8 + size])
        place += 8 + size + size % 2
    kinds = [chunk[chunk.index(b'\0\0\1\xb6') + 4] >> 6 for chunk in chunks]  # 0: I, 1: P, 2: B
    packed, i = [], 0
    while i < len(chunks):
        if i + 1 < len(chunks) and kinds[i + 1] == 2:
            packed += [chunks[i] + chunks[i + 1], b'\0\0\1\xb6\x5f']
            i += 2
        else:
            packed.append(chunks[i])
            i += 1
    packed[0] = packed[0].replace(b'\0\0\1\xb2Lavc', b'\0\0\1\xb2DivX503b1393p\0\0\1\xb2Lavc', 1)
    return avi_with(data, begin, end, packed, kinds)


def avi_with(data, begin, end, chunks, kinds):
    """The AVI's picture track made of other chunks; its index anew."""
    body, index = b'', b''
    for number, chunk in enumerate(chunks):
        index += struct.pack('<4sIII', b'00dc', 0x10 if kinds[number] == 0 else 0, 4 + len(body), len(chunk))
        body += struct.pack('<4sI', b'00dc', len(chunk)) + chunk + b'\0' * (len(chunk) % 2)
    rest = b'movi' + body
    file = data[12:begin - 12] + struct.pack('<4sI', b'LIST', len(rest)) + rest + struct.pack('<4sI', b'idx1', len(index)) + index
    return b'RIFF' + struct.pack('<I', len(file) + 4) + b'AVI ' + file
