# SPDX-License-Identifier: Apache-2.0
"""How streams are built and put together: order of frames, times, edit lists, joins, tracks beside the picture."""
from . import edit, join
from .kind import kind

H264 = '-c:v libx264 -preset veryfast'
MPEG2 = '-c:v mpeg2video -q:v 2 -bf 2 -c:a mp2'
HEVC = '-c:v libx265 -preset ultrafast -x265-params log-level=error'
NO_FRAME = {'status': 3, 'says': 'no frame|no video|decoded'}
# Times that are not a multiple of anything: two of three frames, later ones late.
UNEVEN = "-vf select='mod(floor(n*1.7)\\,3)' -vsync vfr"
ALL = "-i {chapters} -i {text} -i {cover} -map 0:v -map 1:a -map 1:a -map 3 -map 4 -map_metadata 2"
SAY = '-metadata:s:a:0 language=eng -metadata:s:a:1 language=fra -metadata:s:s:0 language=deu -disposition:v:1 attached_pic'

KINDS = [
    # Order of frames
    kind('b-pyramid', 'mp4', f'{H264} -bf 4 -b_strategy 0 -x264-params b-pyramid=normal:keyint=15', to='mp4'),
    kind('open-gop-h264', 'mkv', f'{H264} -bf 3 -b_strategy 0 -x264-params open-gop=1:keyint=10:scenecut=0'),
    kind('open-gop-hevc', 'mp4', f'{HEVC}:open-gop=1:keyint=10:bframes=3:scenecut=0'),
    kind('closed-gop-hevc', 'ts', f'{HEVC}:open-gop=0:keyint=10'),
    kind('intra-refresh', 'mkv', f'{H264} -bf 0 -x264-params intra-refresh=1:keyint=10'),
    kind('only-key-frames', 'mp4', f'{H264} -g 1', to='mp4'),
    kind('one-key-frame', 'ts', f'{H264} -g 999 -bf 2'),
    kind('slices', 'mp4', f'{H264} -x264-params slices=4', to='mp4'),
    kind('no-reordering-declared', 'mkv', f'{H264} -bf 2 -tune zerolatency'),
    kind('repeated-headers', 'mkv', f'{H264} -bf 2 -bsf:v dump_extra'),
    kind('long-delay-av1', 'mkv', '-c:v libaom-av1 -cpu-used 8 -crf 20 -lag-in-frames 19'),
    kind('mpeg2-open-gop', 'vob', '-c:v mpeg2video -q:v 2 -bf 2 -g 9 -c:a mp2'),
    # Lengths
    *(kind(f'length-{n}', 'mp4', f'{H264} -bf 2', frames=n, to='mp4') for n in (1, 2, 3, 24, 25, 26)),
    kind('length-1-mpeg', 'mpg', '-c:v mpeg2video -bf 0 -an', frames=1, begin=(0, 0.5)),
    kind('length-0', 'mp4', f'{H264} -an', frames=0, of=1, make=join.only_head, **NO_FRAME),
    # Rates and times
    kind('rate-23.976', 'mp4', H264, rate='24000/1001', to='mp4 mkv mov'),
    kind('rate-29.97', 'ts', f'{H264} -bf 2', rate='30000/1001', to='mp4'),
    kind('rate-59.94', 'mkv', f'{H264} -bf 2', rate='60000/1001', to='mp4'),
    kind('rate-1', 'mp4', H264, rate='1', frames=12, to='mp4'),
    kind('rate-240', 'mp4', f'{H264} -bf 2', rate='240', to='mp4 mkv'),
    kind('rate-15-avi', 'avi', '-c:v mpeg4 -q:v 3 -c:a libmp3lame', rate='15', times='file'),
    kind('uneven-mp4', 'mp4', f'{UNEVEN} {H264} -bf 2', frames=20, of=30, times='file', to='mp4 mkv mov'),
    kind('uneven-mkv', 'mkv', f'{UNEVEN} {H264} -bf 2', frames=20, of=30, times='file', to='mkv mp4 webm'),
    kind('uneven-ts', 'ts', f'{UNEVEN} {H264} -bf 2', frames=20, of=30, times='file', to='mp4'),
    kind('uneven-flv', 'flv', f'{UNEVEN} {H264} -bf 2', frames=20, of=30, times='file'),
    kind('gap-of-an-hour', 'mp4', f'-vf setpts=PTS+gte(N\\,15)*3600/TB -vsync passthrough {H264} -an', times='file', to='mp4'),
    kind('two-frames-at-once', 'mkv', f'-vf setpts=(N-gte(N\\,15))/25/TB -vsync passthrough {H264} -bf 0 -an', times='file', jitter=0.021),
    kind('begins-at-10-hours', 'mkv', f'{H264} -bf 2 -output_ts_offset 36000', to='mkv mp4'),
    kind('begins-at-10-hours-ts', 'ts', f'{H264} -bf 2 -output_ts_offset 36000', to='mp4'),
    kind('ticks-of-1000', 'mp4', f'{H264} -bf 2 -video_track_timescale 1000', rate='30000/1001', jitter=0.0006, to='mp4'),
    kind('wraps', 'ts', f'{H264} -bf 2 -output_ts_offset 95442.1', to='mp4 mkv'),
    kind('wraps-mpeg2', 'ts', '-c:v mpeg2video -q:v 2 -bf 2 -c:a mp2 -output_ts_offset 95442.1'),
    kind('wraps-in-program-stream', 'mpg', '-c:v mpeg2video -q:v 2 -bf 2 -c:a mp2 -output_ts_offset 95442.4'),
    # Edit lists
    kind('cut-with-edit-list', 'mp4', make=join.cut_from(0.32, f'{H264} -bf 2 -g 30'), frames=22, to='mp4 mkv'),
    kind('cut-with-edit-list-hevc', 'mov', make=join.cut_from(0.32, f'{HEVC}:bframes=3'), frames=22, to='mov'),
    kind('picture-late', 'mp4', make=join.offset('v', 0.4, f'{H264} -bf 2'), to='mp4 mkv'),
    kind('sound-late', 'mp4', make=join.offset('a', 0.4, f'{H264} -bf 2'), to='mp4 mkv'),
    kind('sound-late-mkv', 'mkv', make=join.offset('a', 0.4, f'{H264} -bf 2'), to='mkv mp4'),
    kind('sound-late-ts', 'ts', make=join.offset('a', 0.4, f'{H264} -bf 2'), to='mp4'),
    kind('picture-late-ts', 'ts', make=join.offset('v', 0.4, f'{H264} -bf 2'), to='mp4'),
    kind('picture-late-avi', 'avi', make=join.offset('v', 0.4, '-c:v mpeg4 -q:v 3 -c:a libmp3lame'), times='file'),
    kind('two-edits', 'mp4', f'{H264} -bf 0 -g 5 -sc_threshold 0', edit=edit.edits((400, 0, 1), (400, 10240, 1)), frames=20, of=30, to='mp4'),
    kind('edit-out-of-order', 'mp4', f'{H264} -bf 0 -g 5 -sc_threshold 0 -an', edit=edit.edits((400, 10240, 1), (400, 0, 1)), frames=20, of=30,
         to='mp4'),
    # Joins and tracks
    kind('joined-ts', 'ts', make=join.one_after_another(f'{H264} -bf 2', f'{H264} -bf 2'), frames=60, jitter=0.1, joined=True, to='mp4 mkv'),
    kind('joined-mpg', 'mpg', make=join.one_after_another(MPEG2, MPEG2), frames=60, jitter=0.1, joined=True),
    kind('joined-h264', 'h264', make=join.one_after_another(f'{H264} -bf 2 -an', f'{H264} -bf 2 -an'), frames=60),
    kind('new-size-in-ts', 'ts', make=join.one_after_another(f'{H264} -an', f'{H264} -an -s 64x48'), frames=60, jitter=0.1,
         picture=None, losses=True),
    kind('begins-between-key-frames', 'ts', f'{H264} -bf 0 -g 12', edit=edit.without(0, 0.32), frames=18, of=30, times='file', losses=None),
    kind('two-pictures', 'mkv', f'-filter_complex [0:v]split[a][b];[b]scale=48:36[c] -map [a] -map [c] -map 1:a {H264}', to='mkv'),
    kind('small-picture-first', 'mp4', f'-i {{cover}} -filter_complex [0:v]null[a] -map 2 -map [a] -map 1:a {H264} -c:v:0 copy', to='mkv'),
    kind('cover-first', 'mp4', f'-i {{cover}} -filter_complex [0:v]null[a] -map 2 -map [a] -map 1:a {H264} -c:v:0 copy '
         '-disposition:v:0 attached_pic', to='mp4'),
    kind('cover-mkv', 'mkv', f'{H264} -attach {{cover}} -metadata:s:t mimetype=image/jpeg', to='mp4 mov mkv webm'),
    kind('attachment', 'mkv', f'{H264} -attach {{notes}} -metadata:s:t mimetype=text/plain', to='mp4 mov mkv webm'),
    kind('everything-mkv', 'mkv', f'{ALL} {SAY} {H264} -c:a:0 aac -c:a:1 ac3 -c:s srt -c:v:1 copy -timecode 01:02:03:04',
         to='mkv mp4 mov webm y4m png'),
    kind('everything-mp4', 'mp4', f'{ALL} {SAY} {H264} -c:a aac -c:s mov_text -c:v:1 copy', to='mp4 webm'),
    kind('everything-mov', 'mov', f'-i {{chapters}} -i {{text}} -map 0:v -map 1:a -map 1:a -map 3 -map_metadata 2 {H264} '
         '-c:a:0 alac -c:a:1 pcm_s16le -c:s mov_text -timecode 01:02:03:04', to='mov mp4'),
    kind('many-sounds', 'mkv', f'-map 0:v {"-map 1:a " * 8}{H264} -strict -2 -c:a:0 aac -c:a:1 libmp3lame -c:a:2 ac3 -c:a:3 eac3 '
         '-c:a:4 libopus -c:a:5 flac -c:a:6 libvorbis -c:a:7 pcm_s16le', to='mp4 mov mkv webm'),
    kind('many-subtitles', 'mkv', f'{"-i {text} " * 3}-map 0:v -map 2 -map 3 -map 4 {H264} -c:s:0 srt -c:s:1 ass -c:s:2 webvtt',
         to='mp4 mov mkv webm'),
    kind('styled-subtitles', 'mkv', f'-i {{text}} -map 0:v -map 2 {H264} -c:s ass', to='mkv mp4'),
    kind('webvtt', 'webm', '-i {text} -map 0:v -map 1:a -map 2 -c:v libvpx -b:v 1M -c:a libopus -c:s webvtt', to='webm mkv'),
    kind('data-track', 'ts', f'-f data -i {{notes}} -map 0:v -map 1:a -map 2:d {H264}', to='mp4 mov mkv'),
    kind('time-code', 'mov', f'{H264} -timecode 10:00:00;00', rate='30000/1001', to='mov mp4'),
    kind('three-sounds', 'ts', f'-map 0:v -map 1:a -map 1:a -map 1:a {H264} -c:a:0 aac -c:a:1 ac3 -c:a:2 mp2 -metadata:s:a:1 language=ita',
         to='mkv mp4'),
    kind('sound-longer', 'mp4', make=join.sound_of(2.4, H264), to='mp4 mkv'),
    kind('sound-shorter', 'mkv', make=join.sound_of(0.3, H264), to='mkv mp4'),
    kind('captions', 'mp4', make=join.captions('h264', f'{H264} -bf 0', f'{H264} -bf 2'), to='mp4 mov mkv webm y4m png'),
    kind('captions-to-h265', 'mp4', make=join.captions('h264', f'{H264} -bf 0'), options='--codec h265'),
    kind('captions-mpeg2', 'ts', make=join.captions('mpeg2', '-c:v mpeg2video -q:v 2 -bf 0'), to='mp4'),
    kind('captions-hevc', 'mkv', make=join.captions('hevc', f'{HEVC}:bframes=0'), options='--codec h265'),
    *(kind(f'rotated-{n}', 'mp4', make=join.rotated(n, H264), to='mp4 mkv mov y4m png webm' if n == 90 else 'mp4') for n in (90, 180, 270)),
    kind('mirrored', 'mp4', make=join.with_matrix(b'tkhd', join.MIRROR, H264), to='mp4 png'),
    # Interlaced
    kind('interlaced-tff', 'mkv', f'{H264} -vf setfield=tff -flags +ilme+ildct -x264-params tff=1', interlaced=True),
    kind('interlaced-bff-mpeg2', 'mpg', '-vf setfield=bff -c:v mpeg2video -q:v 2 -flags +ilme+ildct -top 0 -c:a mp2', interlaced=True),
    kind('interlaced-flag-only', 'mov', '-c:v prores_ks -vf setfield=tff -flags +ildct -field_order tt -pix_fmt yuv422p10le', interlaced=True),
]
