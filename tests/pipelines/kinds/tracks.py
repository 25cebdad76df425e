# SPDX-License-Identifier: Apache-2.0
"""Tracks beside the picture: sound of every codec, subtitles, dispositions."""
from . import edit
from .kind import kind

H264 = '-c:v libx264 -preset veryfast -bf 2'
SOUNDS = [  # a codec, a container that holds it
    ('truehd', 'mkv'), ('mlp', 'mkv'), ('alac', 'mkv'), ('tta', 'mkv'), ('wavpack', 'mkv'), ('dca', 'ts'), ('eac3', 'ts'),
    ('pcm_s24le', 'mkv'), ('pcm_mulaw', 'mov'), ('truehd', 'mp4'), ('libmp3lame', 'ts'), ('wmav2', 'mkv')]

KINDS = [
    kind('sound-adpcm_ima_wav-avi', 'avi', '-c:v mpeg4 -c:a adpcm_ima_wav', to='mkv mov mp4'),  # mov's muxer refuses each packet
    *(kind(f'sound-{codec.removeprefix("lib")}-{ending}', ending, f'{H264} -strict -2 -c:a {codec}', to='mkv mp4 mov')
      for codec, ending in SOUNDS),
    kind('sound-g722-mkv', 'mkv', f'{H264} -c:a g722 -ar 16000 -ac 1', to='mkv mp4 mov'),
    kind('cover-png', 'mp4', f'-i {{cover}} -map 0:v -map 1:a -map 2 {H264} -c:v:1 png -disposition:v:1 attached_pic', to='mp4 mov mkv webm'),
    kind('time-code-alone', 'mov', f'{H264} -timecode 01:02:03:04', edit=edit.replaced(b'tref', b'free'), to='mov mkv'),
]
