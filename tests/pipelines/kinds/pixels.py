# SPDX-License-Identifier: Apache-2.0
"""Forms of pixels and colours. Deep ones go to forms without loss, so that levels can be counted."""
from .kind import kind

DEEP = {'to': 'mkv', 'deep': True, 'options': '--codec ffv1'}
HEVC = '-c:v libx265 -preset ultrafast -x265-params log-level=error'
PLAIN = ('gray', 'yuv410p', 'yuv411p', 'yuv422p', 'yuv440p', 'yuv444p', 'gbrp', 'bgr0')
FINE = ('gray10le', 'gray12le', 'gray16le', 'yuv420p9le', 'yuv420p10le', 'yuv420p12le', 'yuv420p14le', 'yuv420p16le',
        'yuv422p10le', 'yuv422p12le', 'yuv422p16le', 'yuv440p10le', 'yuv444p10le', 'yuv444p12le', 'yuv444p14le',
        'yuv444p16le', 'gbrp9le', 'gbrp10le', 'gbrp12le', 'gbrp14le', 'gbrp16le')
CLEAR = ('ya8', 'yuva420p', 'yuva422p', 'yuva444p', 'bgra', 'yuva444p10le', 'gbrap16le')
# Alpha that is a slope; overlay would make a picture without.
VEIL = '-vf format=rgba64le,geq=r=r(X\\,Y):g=g(X\\,Y):b=b(X\\,Y):a=65535*X/W'


def tagged(matrix, primaries, transfer, more=''):
    """Converted to the matrix, and described so."""
    return (f'-vf scale=out_color_matrix={matrix}:flags=accurate_rnd+full_chroma_int -colorspace {matrix} -color_primaries {primaries} '
            f'-color_trc {transfer} {more}')


LIGHT = 'master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400'
HDR10 = tagged('bt2020nc', 'bt2020', 'smpte2084', f'-pix_fmt yuv420p10le {HEVC}:hdr-opt=1:repeat-headers=1:{LIGHT}')

KINDS = [
    *(kind(f'ffv1-{form}', 'mkv', f'-c:v ffv1 -pix_fmt {form} -an', frames=5, options='--codec ffv1') for form in PLAIN),
    *(kind(f'ffv1-{form}', 'mkv', f'-c:v ffv1 -pix_fmt {form} -an', frames=5, **DEEP) for form in FINE),
    *(kind(f'ffv1-{form}', 'mkv', f'{VEIL} -c:v ffv1 -pix_fmt {form} -an', frames=3, to='png mkv') for form in CLEAR),
    kind('h264-10', 'mp4', '-c:v libx264 -pix_fmt yuv420p10le -qp 4', **DEEP),
    kind('h264-422-10', 'mp4', '-c:v libx264 -pix_fmt yuv422p10le -qp 4', **DEEP),
    kind('h264-444', 'mp4', '-c:v libx264 -pix_fmt yuv444p -qp 4', to='mp4'),
    kind('h264-rgb', 'mkv', '-c:v libx264rgb -pix_fmt rgb24 -qp 2', to='mkv'),
    kind('h264-gray', 'mp4', '-c:v libx264 -pix_fmt gray -qp 4', to='mp4'),
    kind('h264-full-range', 'mp4', '-c:v libx264 -pix_fmt yuvj420p -qp 4', to='mkv mp4 y4m png'),
    kind('hevc-10', 'mp4', f'{HEVC} -pix_fmt yuv420p10le -crf 2', **DEEP),
    kind('hevc-12', 'mkv', f'{HEVC} -pix_fmt yuv420p12le -crf 2', **DEEP),
    kind('hevc-422-10', 'mkv', f'{HEVC} -pix_fmt yuv422p10le -crf 2', **DEEP),
    kind('hevc-444-12', 'mkv', f'{HEVC} -pix_fmt yuv444p12le -crf 2', **DEEP),
    kind('hevc-rgb', 'mkv', f'{HEVC} -pix_fmt gbrp -crf 2'),
    kind('hevc-gray', 'mkv', f'{HEVC} -pix_fmt gray -crf 2'),
    kind('vp9-profile-1', 'webm', '-c:v libvpx-vp9 -cpu-used 8 -b:v 2M -deadline realtime -pix_fmt yuv444p', to='webm'),
    kind('vp9-profile-2', 'webm', '-c:v libvpx-vp9 -cpu-used 8 -b:v 2M -deadline realtime -pix_fmt yuv420p10le'),
    kind('vp9-profile-3', 'webm', '-c:v libvpx-vp9 -cpu-used 8 -b:v 2M -deadline realtime -pix_fmt yuv422p12le'),
    kind('av1-10', 'mp4', '-c:v libaom-av1 -cpu-used 8 -crf 4 -pix_fmt yuv420p10le', **DEEP),
    kind('av1-444', 'mkv', '-c:v libaom-av1 -cpu-used 8 -crf 10 -pix_fmt yuv444p'),
    kind('av1-gray', 'mkv', '-c:v libaom-av1 -cpu-used 8 -crf 10 -pix_fmt gray'),
    kind('prores-4444', 'mov', '-c:v prores_ks -profile:v 4444 -pix_fmt yuv444p10le', **DEEP),
    kind('prores-4444-alpha', 'mov', f'{VEIL} -c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le', frames=6, to='mkv mp4 png'),
    kind('prores-4444-alpha-kept', 'mov', f'{VEIL} -c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le', frames=6, to='mov mkv',
         options='--codec prores'),
    kind('vp9-alpha', 'webm', f'{VEIL} -c:v libvpx-vp9 -b:v 2M -auto-alt-ref 0 -pix_fmt yuva420p', frames=6, to='webm mkv mp4 mov png'),
    kind('vp8-alpha', 'webm', f'{VEIL} -c:v libvpx -b:v 2M -auto-alt-ref 0 -pix_fmt yuva420p', frames=6),
    kind('animation-alpha', 'mov', f'{VEIL} -c:v qtrle -pix_fmt argb', frames=6),
    kind('png-alpha', 'mov', f'{VEIL} -c:v png -pix_fmt rgba', frames=6, to='png'),
    kind('png-16', 'mkv', '-c:v png -pix_fmt rgb48be -an', frames=5, **DEEP),
    kind('png-gray', 'mkv', '-c:v png -pix_fmt gray -an', frames=5),
    kind('png-palette', 'mkv', '-c:v png -pix_fmt pal8 -an', frames=5),
    kind('raw-nv12', 'nut', '-c:v rawvideo -pix_fmt nv12 -an', frames=5),
    kind('raw-rgb565', 'nut', '-c:v rawvideo -pix_fmt rgb565le -an', frames=5, picture=(14, 4)),
    kind('raw-rgb48', 'nut', '-c:v rawvideo -pix_fmt rgb48le -an', frames=5, **DEEP),
    kind('raw-argb', 'mov', f'{VEIL} -c:v rawvideo -pix_fmt argb -an', frames=5, to='png'),
    kind('raw-palette', 'avi', '-c:v rawvideo -pix_fmt pal8 -an', frames=5),
    kind('v410', 'mov', '-c:v v410 -pix_fmt yuv444p10le -an', frames=5, **DEEP),
    kind('v308', 'mov', '-c:v v308 -pix_fmt yuv444p -an', frames=5),
    kind('ayuv', 'mov', f'{VEIL} -c:v v408 -pix_fmt yuva444p -an', frames=5, to='png'),
    kind('r210', 'mov', '-c:v r210 -pix_fmt gbrp10le -an', frames=5, **DEEP),
    kind('jpeg2000-16', 'mov', '-c:v jpeg2000 -pix_fmt rgb48le -q:v 1 -an', frames=5, **DEEP),
    kind('huffyuv-rgb', 'avi', '-c:v huffyuv -pix_fmt rgb24 -an', frames=5),
    kind('ljpeg-444', 'avi', '-c:v ljpeg -pix_fmt yuvj444p -an', frames=5),
    kind('bt709', 'mp4', tagged('bt709', 'bt709', 'bt709', '-c:v libx264 -qp 4'), to='mkv mp4 png webm'),
    kind('bt601-525', 'mp4', tagged('smpte170m', 'smpte170m', 'smpte170m', '-c:v libx264 -qp 4'), to='mov'),
    kind('bt601-625', 'mkv', tagged('bt470bg', 'bt470bg', 'gamma28', '-c:v libx264 -qp 4')),
    kind('smpte240m', 'mkv', tagged('smpte240m', 'smpte240m', 'smpte240m', '-c:v libx264 -qp 4')),
    kind('srgb-full-709', 'mkv', tagged('bt709', 'bt709', 'iec61966-2-1', '-c:v libx264 -qp 4 -pix_fmt yuvj420p')),
    kind('bt2020-sdr', 'mkv', tagged('bt2020nc', 'bt2020', 'bt2020-10', f'{HEVC} -crf 2 -pix_fmt yuv420p10le'), **DEEP),
    kind('hdr10', 'mp4', HDR10, to='mkv mp4 mov', options='--codec h265', deep=True),
    kind('hdr10-mkv', 'mkv', HDR10, to='webm y4m png', deep=True),
    kind('hdr10-to-h264', 'mkv', HDR10, to='mp4', deep=True),
    kind('hlg', 'mp4', tagged('bt2020nc', 'bt2020', 'arib-std-b67', f'{HEVC} -crf 2 -pix_fmt yuv420p10le'), to='mp4',
         options='--codec h265', deep=True),
    kind('hlg-422', 'mov', tagged('bt2020nc', 'bt2020', 'arib-std-b67', '-c:v prores_ks -pix_fmt yuv422p10le'), **DEEP),
    kind('full-range-10', 'mkv', f'{HEVC}:range=full -vf scale=out_range=full -color_range pc -crf 2 -pix_fmt yuv420p10le', **DEEP),
    kind('mjpeg-limited', 'avi', '-c:v mjpeg -q:v 2 -strict -1 -color_range tv -an', frames=5),
    kind('odd-97x65', 'mkv', '-s 97x65 -c:v ffv1 -an', to='mkv mp4 webm y4m png', options='--scale 1'),
    kind('odd-97x65-444', 'mkv', '-s 97x65 -c:v ffv1 -pix_fmt yuv444p -an', options='--scale 1.5'),
    kind('odd-64x47-mp4', 'mp4', '-s 64x47 -c:v libx264 -pix_fmt yuv444p', to='mp4', options='--scale 1', picture=(24, 4)),
    kind('pixels-16-11', 'mp4', '-vf setsar=16/11 -c:v libx264', to='mp4 mov mkv webm y4m'),
    kind('pixels-8-9-dvd', 'vob', '-aspect 4:3 -c:v mpeg2video -q:v 2 -c:a mp2'),
    kind('pixels-in-container', 'mkv', '-c:v ffv1 -an -aspect 16:9'),
    kind('small-2x2', 'mkv', '-s 2x2 -c:v ffv1 -an', frames=5, options='--scale 4', picture=None),
    kind('small-16x16', 'mkv', '-s 16x16 -c:v ffv1 -an', frames=5, picture=(60, 12)),
    kind('thin-8x200', 'mkv', '-s 8x200 -c:v ffv1 -an', frames=5, picture=(30, 6)),
]
