# SPDX-License-Identifier: Apache-2.0
"""Kinds that reports of bugs of other programs speak of."""
from . import edit, join
from .kind import kind

H264 = '-c:v libx264 -preset veryfast -bf 2'

KINDS = [
    kind('ts-pictures-without-times', 'ts', H264, edit=edit.without_times(3)),
    kind('ts-204-bytes', 'ts', H264, edit=edit.with_check_bytes),
    kind('ts-latm', 'ts', f'{H264} -c:a aac -mpegts_flags latm'),
    kind('ts-clock-jumps-back', 'ts', make=join.one_after_another(f'{H264} -output_ts_offset 36000', H264), frames=60, jitter=0.15, joined=True),
    kind('ts-clock-jumps-ahead', 'ts', make=join.one_after_another(H264, f'{H264} -output_ts_offset 36000'), frames=60, jitter=0.15, joined=True),
    kind('mkv-stripped-headers', 'mkv', H264, edit=edit.stripped_headers),
    kind('mkv-laced-sound', 'mkv', f'{H264} -c:a ac3', edit=edit.laced_sound),
    kind('telecine', 'm2v', '-c:v mpeg2video -q:v 2 -bf 2 -an', edit=edit.telecine, rate='30000/1001', times=None, picture=(30, 5)),
    kind('mp4-live', 'mp4', f'{H264} -movflags frag_keyframe+empty_moov+default_base_moof -g 10 -output_ts_offset 36000', begin=(0, 36000)),
    kind('mp4-negative-offsets', 'mp4', f'{H264} -movflags negative_cts_offsets'),
    kind('mp4-turned-film', 'mp4', make=join.with_matrix(b'mvhd', join.QUARTER, H264), to='mp4 y4m'),
    kind('mp4-joined', 'mp4', make=join.mp4s(H264, f'{H264} -crf 30'), frames=60, jitter=0.1, sound=None),
    kind('mp4-finest-times', 'mp4', f'{H264} -video_track_timescale 1000000000'),
    kind('slides', 'mp4', make=join.slides('-c:v libx264 -bf 0'), frames=3, times='file', picture=(24, 4), to='mp4 mkv'),
    kind('hole-in-sound', 'mkv', make=join.with_hole(H264), to='mkv mp4'),
    kind('hole-in-sound-ts', 'ts', make=join.with_hole(H264), to='mp4'),
    kind('flv-times-wrap', 'flv', f'{H264} -output_ts_offset 16776.8', begin=(0, 16777)),
    kind('av1-grain', 'mp4', '-c:v libaom-av1 -cpu-used 8 -crf 30 -denoise-noise-level 25 -an', picture=(30, 8)),
    kind('sound-5.1', 'mkv', f'{H264} -ac 6 -c:a libopus -mapping_family 1'),
    kind('y4m-words', 'y4m', '-an', edit=edit.replaced(b'FRAME\n', b'FRAME Iptt Xa=b\n', 99)),
    kind('y4m-no-rate', 'y4m', '-an', edit=edit.replaced(b' F25:1', b' F0:0')),
    kind('one-pixel', 'mkv', '-s 1x1 -c:v ffv1 -pix_fmt yuv444p -an', frames=3, picture=None, options='--scale 4'),
    kind('wide-2000x16', 'mkv', '-s 2000x16 -c:v ffv1 -an', frames=3, picture=(30, 6)),
]
