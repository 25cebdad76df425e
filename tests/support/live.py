# SPDX-License-Identifier: Apache-2.0
"""Live servers and their clients, for tests of the programs in pipelines/. Needs PyGObject: run by
/usr/bin/python3."""
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from cases import PATIENCE, run_tests  # noqa: F401  for the tests

import gi
gi.require_version('Gst', '1.0')
from gi.repository import Gst  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get('FLASHVSR_BUILD', ROOT / 'build'))
ENV = dict(os.environ)
ENV['GST_PLUGIN_PATH'] = ':'.join([str(BUILD / 'gst'), ENV.get('GST_PLUGIN_PATH', '')]).rstrip(':')
ENV.setdefault('FLASHVSR_ENGINE', str(BUILD / 'core/libflashvsr.so'))
ENV['FLASHVSR_MODEL_DIR'] = str(ROOT / 'models/nano')
ENV['GST_REGISTRY'] = str(BUILD / 'gstreamer-registry.bin')
# An engine that repeats pixels and has the model's schedule, with eight times as long for a chunk as it lasts at
# 60 frames a second: too slow on every machine.
SLOW_STUB = {'FLASHVSR_ENGINE': str(BUILD / 'tests/gst/libstub_engine.so'), 'FLASHVSR_STUB_CHUNK_MS': '1000'}
# The pictures are small. Several threads would only wait for each other.
ENV['OMP_NUM_THREADS'] = '1'
os.environ.update(ENV)
Gst.init(None)


def wait_for(condition, what, patience=PATIENCE):
    """Until the condition holds; returns what it gave."""
    end = time.monotonic() + patience
    while not (result := condition()):
        assert time.monotonic() < end, f'waited {patience} s for {what() if callable(what) else what}'
        time.sleep(0.05)
    return result


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Program:
    """A program that runs until stop(). What it says is in `out` and `log`."""

    def __init__(self, *command, **environment):
        self.out, self.log = [], []
        self.process = subprocess.Popen([str(word) for word in command], env={**ENV, **environment}, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.readers = [threading.Thread(target=self.read, args=pair, daemon=True) for pair in (
            (self.process.stdout, self.out), (self.process.stderr, self.log))]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def read(stream, lines):
        for line in stream:
            lines.append(line.rstrip('\n'))

    def said(self):
        return '\n'.join(self.out + self.log)

    def first_line(self):
        def line():
            assert self.process.poll() is None, f'it ended:\n{self.said()}'
            return self.out
        return wait_for(line, lambda: f'its first line; so far:\n{self.said()}')[0]

    def figures(self):
        """Of the newest line of statistics."""
        lines = [line for line in self.log if 'fps-in=' in line]
        return dict(re.findall(r'([\w-]+)=([\w.]+)', lines[-1])) if lines else {}

    def stop(self, number=signal.SIGTERM):
        """Its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        for reader in self.readers:
            reader.join()
        return status

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if error:
            print(f'{self.process.args[0]} said:\n{self.said()}')


class Client:
    """Watches an RTSP stream. `frames`: (PTS in ns, arrival in s, width, height) of each decoded frame;
    `sounds`: PTS of each packet of coded sound. PTS are as the server sent them (buffer-mode=none), not
    smoothed."""

    def __init__(self, url, sound=None, **properties):
        """`sound`: depayloader of the sound that is expected."""
        self.frames, self.sounds, self.sound_caps = [], [], None
        settings = ' '.join(f'{name.replace("_", "-")}={value}' for name, value in properties.items())
        self.pipeline = Gst.parse_launch(
            f'rtspsrc name=source location={url} latency=100 buffer-mode=none protocols=tcp {settings} '
            'rtph264depay name=video ! avdec_h264 ! appsink name=frames emit-signals=true sync=false ' +
            (f'{sound} name=audio ! appsink name=sounds emit-signals=true sync=false' if sound else
             'fakesink name=audio sync=false async=false'))  # there may be none
        self.pipeline.get_by_name('source').connect('pad-added', self.on_pad)
        self.pipeline.get_by_name('frames').connect('new-sample', self.on_frame)
        if sound:
            self.pipeline.get_by_name('sounds').connect('new-sample', self.on_sound)
        self.pipeline.set_state(Gst.State.PLAYING)

    def on_pad(self, _, pad):
        """Not left to the launch line ("source. !"): both pads come at the same time, each on its own thread, and
        GStreamer 1.22 then links now and then neither or the wrong one."""
        media = pad.get_current_caps().get_structure(0).get_value('media')
        pad.link(self.pipeline.get_by_name(media).get_static_pad('sink'))

    def on_frame(self, sink):
        sample = sink.emit('pull-sample')
        caps = sample.get_caps().get_structure(0)
        self.frames.append((sample.get_buffer().pts, time.monotonic(), caps.get_value('width'),
                            caps.get_value('height')))
        return Gst.FlowReturn.OK

    def on_sound(self, sink):
        sample = sink.emit('pull-sample')
        self.sound_caps = sample.get_caps().get_structure(0)
        self.sounds.append(sample.get_buffer().pts)
        return Gst.FlowReturn.OK

    def error(self):
        message = self.pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR | Gst.MessageType.EOS)
        if not message:
            return None
        return message.parse_error()[0].message if message.type == Gst.MessageType.ERROR else 'ended'

    def watch(self, count, what='frames'):
        """Until so many more frames (or sounds) have come."""
        goal = len(getattr(self, what)) + count

        def enough():
            error = self.error()
            assert not error, f'the client failed: {error}'
            return len(getattr(self, what)) >= goal
        wait_for(enough, lambda: f'{count} {what}; it has {len(getattr(self, what))}, wants {goal}')

    def refusal(self):
        """What the server, or the way to it, answers who is not let in."""
        return wait_for(self.error, 'a refusal')

    def stop(self):
        if self.pipeline:
            self.pipeline.set_state(Gst.State.NULL)
            self.pipeline = None  # it knows this, too: they would keep each other, and descriptors, for ever

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def rising(times):
    return all(a < b for a, b in zip(times, times[1:]))


def median_step(times):
    return sorted(b - a for a, b in zip(times, times[1:]))[len(times) // 2 - 1]
