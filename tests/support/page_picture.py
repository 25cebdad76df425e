# SPDX-License-Identifier: Apache-2.0
"""Makes docs/images/webrtc.jpg: the page of flashvsr-webrtc with the clip that ships, at a quarter of its size
and as many frames a second as the machine upscales.

    meson devenv -C build -w . python3 tests/support/page_picture.py FPS [SCALE [PICTURE]]
"""
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import browser

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / 'pipelines/media/clip.mp4'


def slow_clip(path, fps):
    """Every frame of the clip, 160x90, at another rate."""
    gst = ['gst-launch-1.0', '-q', 'filesrc', f'location={CLIP}', '!', 'decodebin', '!', 'videoconvert', '!',
           'videoscale', 'method=lanczos', '!', 'video/x-raw,format=I420,width=160,height=90', '!']
    raw = subprocess.run([*gst, 'fdsink'], check=True, capture_output=True).stdout
    subprocess.run(['gst-launch-1.0', '-q', 'fdsrc', '!', 'rawvideoparse', 'format=i420', 'width=160',
                    'height=90', f'framerate={fps}', '!', 'x264enc', 'pass=quant', 'quantizer=8', '!',
                    'matroskamux', '!', 'filesink', f'location={path}'], check=True, input=raw)


def main():
    fps = sys.argv[1]
    scale = sys.argv[2] if len(sys.argv) > 2 else '2'
    picture = Path(sys.argv[3] if len(sys.argv) > 3 else ROOT / 'docs/images/webrtc.jpg')
    with tempfile.TemporaryDirectory() as folder, browser.Browser() as chromium:
        clip = Path(folder) / 'clip.mkv'
        slow_clip(clip, fps)
        server = subprocess.Popen(['flashvsr-webrtc', clip, '--port', '0', '--startup', 'fast', '--scale',
                                   scale, '--bitrate', '4000'], stdout=subprocess.PIPE, text=True)
        try:
            page = chromium.open(server.stdout.readline().split()[1], 1240, 760)
            page.wait('output.getVideoPlaybackQuality().totalVideoFrames > 24', 1200)
            page.screenshot(picture, format='jpeg', quality=88)
            print(page.js('document.body.innerText'))
        finally:
            server.terminate()
            server.wait()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
main()
