# SPDX-License-Identifier: Apache-2.0
"""Files that are damaged, or not what their names say: what can be read comes out, the rest is said."""
from . import edit
from .kind import kind

H264 = '-c:v libx264 -preset veryfast -bf 2 -g 10'
MPEG2 = '-c:v mpeg2video -q:v 2 -bf 2 -g 10'
UNREADABLE = {'status': 3, 'says': 'invalid data|cannot|not |no video'}
# Some of the frames: what decoders make of the rest differs. A loss is said.
PART = {'times': None, 'picture': None, 'sound': None, 'losses': True}
UNSEEN = {**PART, 'losses': None}  # nothing in the container tells that something is missing

KINDS = [
    kind('cut-faststart', 'mp4', f'{H264} -movflags faststart', edit=edit.cut(0.6), frames=(8, 22), of=30, **PART),
    kind('cut-moov-at-end', 'mp4', H264, edit=edit.cut(0.7), status=3, says='ended early'),
    kind('cut-fragmented', 'mp4', f'{H264} -movflags frag_keyframe+empty_moov', edit=edit.cut(0.6), frames=(10, 29), of=30, **PART),
    kind('cut-mkv', 'mkv', H264, edit=edit.cut(0.6), frames=(10, 25), of=30, **PART),
    kind('cut-webm', 'webm', '-c:v libvpx -b:v 1M -c:a libvorbis', edit=edit.cut(0.6), frames=(10, 25), of=30, **PART),
    kind('cut-avi', 'avi', '-c:v mpeg4 -q:v 3 -c:a libmp3lame', edit=edit.cut(0.6), frames=(10, 25), of=30, **PART),
    kind('cut-ts', 'ts', H264, edit=edit.cut(0.6), frames=(8, 25), of=30, **UNSEEN),
    kind('cut-mpg', 'mpg', f'{MPEG2} -c:a mp2', edit=edit.cut(0.6), frames=(8, 30), of=30, **UNSEEN),
    kind('cut-flv', 'flv', H264, edit=edit.cut(0.6), frames=(8, 25), of=30, **PART),
    kind('cut-ogv', 'ogv', '-c:v libtheora -q:v 6 -c:a libvorbis', edit=edit.cut(0.6), frames=(8, 25), of=30, **UNSEEN),
    kind('cut-y4m', 'y4m', '-an', edit=edit.cut(0.555), frames=16, of=30, to='y4m', losses=True),
    kind('cut-raw-h264', 'h264', f'{H264} -an', edit=edit.cut(0.6), frames=(8, 25), of=30, **UNSEEN),
    kind('zeros-in-mp4', 'mp4', f'{H264} -movflags faststart', edit=edit.zeroed(0.5, 0.6), frames=(20, 30), of=30, **PART),
    kind('zeros-in-mkv', 'mkv', f'{H264} -an', edit=edit.zeroed(0.5, 0.6), frames=(8, 30), of=30, **PART),
    kind('flips-in-mpg', 'mpg', f'{MPEG2} -c:a mp2', edit=edit.flipped(0.4, 0.7, 1500), frames=(20, 31), of=30, **UNSEEN),
    kind('flips-in-mp4', 'mp4', f'{H264} -an -movflags faststart', edit=edit.flipped(0.4, 0.9, 700), frames=(20, 30), of=30, **PART),
    kind('flips-in-avi-mpeg4', 'avi', '-c:v mpeg4 -q:v 3 -an', edit=edit.flipped(0.4, 0.8, 900), frames=(20, 30), of=30, **UNSEEN),
    kind('lost-packets-mpeg2-ts', 'ts', f'{MPEG2} -c:a mp2', edit=edit.without_packets(0.3, 0.9, 23), frames=(24, 31), of=30, **PART),
    kind('lost-second-ts', 'ts', f'{H264} -c:a mp2', edit=edit.without(0.3, 0.6), frames=(10, 28), of=30, **PART),
    kind('hole-in-avi', 'avi', '-c:v mjpeg -q:v 3 -pix_fmt yuvj420p -an', edit=edit.without(0.3, 0.4), frames=(24, 28), of=30, **UNSEEN),
    kind('zeros-in-avi', 'avi', '-c:v mpeg4 -q:v 3 -c:a libmp3lame', edit=edit.zeroed(0.5, 0.55), frames=(24, 29), of=30, **PART),
    kind('ones-in-avi-mjpeg', 'avi', '-c:v mjpeg -q:v 3 -pix_fmt yuvj420p -c:a pcm_s16le', edit=edit.filled(0.5, 0.55, 255), frames=(24, 29), of=30,
         **PART),
    kind('zeros-in-wmv', 'wmv', '-c:v wmv2 -q:v 3 -c:a wmav2', edit=edit.zeroed(0.5, 0.55), frames=(20, 29), of=30, **PART),
    kind('cut-wmv', 'wmv', '-c:v wmv2 -q:v 3 -c:a wmav2', edit=edit.cut(0.6), frames=(10, 25), of=30, says='ends early', **PART),
    kind('ones-in-flv', 'flv', H264, edit=edit.filled(0.5, 0.55, 255), frames=(15, 29), of=30, **PART),
    kind('zeros-in-nut', 'nut', '-c:v mpeg4 -q:v 3 -c:a libmp3lame', edit=edit.zeroed(0.4, 0.6), frames=(10, 28), of=30, says='frames are missing',
         **PART),
    kind('garbage-before-ts', 'ts', H264, edit=edit.surrounded(b'\x11' * 1003, b''), to='mkv'),
    kind('zeros-after-ts', 'ts', H264, edit=edit.surrounded(b'', bytes(5000)), to='mkv'),
    kind('cut-gif', 'gif', '-an', edit=edit.cut(0.6), frames=(10, 25), of=30, **PART),
    kind('cut-ivf', 'ivf', '-c:v libvpx -b:v 1M -an', edit=edit.cut(0.6), frames=(10, 25), of=30, **PART),
    kind('cut-jpg', 'jpg', '-q:v 3 -pix_fmt yuvj444p', edit=edit.cut(0.6), frames=1, to='png', **PART),
    kind('encrypted-mp4', 'mp4', f'{H264} -encryption_scheme cenc-aes-ctr -encryption_key {"76" * 16} -encryption_kid {"a7" * 16}', status=3,
         says='encrypted'),
    kind('scrambled-ts', 'ts', H264, edit=edit.scrambled, status=3, says='encrypted'),
    kind('cut-head-mkv', 'mkv', H264, edit=edit.cut(0.01), status=3, says='beginning is damaged or cut|no video|no frame'),
    kind('no-index-avi', 'avi', '-c:v mpeg4 -q:v 3 -c:a libmp3lame', edit=edit.replaced(b'idx1', b'JUNK'), times='file'),
    kind('garbage-after-mp4', 'mp4', H264, edit=edit.surrounded(b'', b'\xff' * 3000), to='mp4'),
    kind('bad-sound-packet', 'ts', f'{H264} -c:a aac', edit=edit.bad_sound_packet(3), sound=None, losses=None, to='mkv mp4'),
    kind('empty', 'mp4', edit=edit.instead(b''), **UNREADABLE),
    kind('text-named-mp4', 'mp4', edit=edit.instead(b'This is no video at all.\n' * 30), **UNREADABLE),
    kind('garbage', 'mkv', edit=edit.instead(bytes((i * i * 7 + i // 3) % 256 for i in range(9000))), **UNREADABLE),
    kind('page-named-mp4', 'mp4', edit=edit.instead(b'<!DOCTYPE html><html><body>404</body></html>'), **UNREADABLE),
    kind('only-sound', 'm4a', '-vn -c:a aac', status=3, says='no video'),
    kind('only-sound-with-cover', 'mp3', '-i {cover} -map 1:a -map 2 -c:a libmp3lame -c:v copy -disposition:v attached_pic',
         status=3, says='no video'),
    kind('mkv-named-mp4', 'mp4', f'-f matroska {H264}'),
    kind('mp4-named-avi', 'avi', f'-f mp4 {H264}', to='mp4'),
    kind('ts-named-mkv', 'mkv', f'-f mpegts {H264}'),
    kind('no-ending', 'bin', f'-f matroska {H264}'),
    kind('unknown-codec', 'mp4', H264, edit=edit.replaced(b'avc1', b'zzzz', 2), status=3, says='zzzz|codec|decoder'),
    kind('no-headers', 'mp4', f'{H264} -an', edit=edit.replaced(b'avcC', b'free'), status=3, says='decod|codec|invalid'),
    kind('missing-sps', 'h264', f'{H264} -an', edit=edit.replaced(b'\x00\x00\x00\x01\x67', b'\x00\x00\x00\x01\x6c', 9), **UNREADABLE),
]
