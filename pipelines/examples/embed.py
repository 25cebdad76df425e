#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""embed.cpp in Python: needs PyGObject (Debian: python3-gi, gir1.2-gstreamer-1.0).

    embed.py [SOURCE [SINK]]      both as gst-launch-1.0 has them; Enter switches the model off and on
"""
import signal
import sys

import gi
gi.require_version('Gst', '1.0')
from gi.repository import GLib, Gst  # noqa: E402


class Application:
    def __init__(self, source, sink):
        # The model's folder comes from $FLASHVSR_MODEL_DIR, or from the property model-dir. With a
        # live source that is too fast, frames are resized without the model rather than shown late.
        self.pipeline = Gst.parse_launch(
            f'{source} ! flashvsrupscale name=upscaler scale=2 overload=bicubic ! {sink}')
        self.upscaler = self.pipeline.get_by_name('upscaler')
        self.loop = GLib.MainLoop()
        self.failed = False
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect('message::progress', self.on_progress)
        bus.connect('message::latency', self.on_latency)
        bus.connect('message::warning', lambda _, message: self.show(*message.parse_warning()))
        bus.connect('message::error', self.on_error)
        bus.connect('message::eos', lambda *_: self.loop.quit())
        GLib.timeout_add_seconds(1, self.on_second)
        GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_IN, self.on_enter)
        # Everything that is inside still comes out, and a file is complete.
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGINT,
                             lambda: self.pipeline.send_event(Gst.Event.new_eos()))

    def run(self):
        """True: it went well."""
        self.pipeline.set_state(Gst.State.PAUSED)  # loads the model
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        return not self.failed

    def on_progress(self, _, message):
        kind, _, text = message.parse_progress()
        print(text)
        # Not before: frames of a live source would wait for the model, and stay late.
        if kind == Gst.ProgressType.COMPLETE:
            self.pipeline.set_state(Gst.State.PLAYING)

    def on_latency(self, *_):
        # The element knows how long a chunk takes when the first one is done. Unless the application
        # tells the sinks, a live pipeline drops what comes later than they were told at the start.
        self.pipeline.recalculate_latency()
        query = Gst.Query.new_latency()
        if self.pipeline.query(query):
            print(f'latency: {query.parse_latency()[1] / Gst.SECOND:.2f} s')

    @staticmethod
    def show(error, details):
        print(f'{error.message}\n{details}', file=sys.stderr)

    def on_error(self, _, message):
        # The process lives on; the pipeline can only be taken down.
        self.show(*message.parse_error())
        self.failed = True
        self.loop.quit()

    def on_second(self):
        stats = self.upscaler.get_property('stats').get_value
        print(f'{stats("in")} frames in, {stats("out")} out, {stats("replaced")} of them without the model, '
              f'{stats("fps"):.1f} FPS')
        return True

    def on_enter(self, *_):
        if not sys.stdin.buffer.raw.read(1):
            return False
        enabled = self.upscaler.get_property('enabled')
        self.upscaler.set_property('enabled', not enabled)
        print('model', 'off' if enabled else 'on')
        return True


def main():
    Gst.init(None)
    sys.stdout.reconfigure(line_buffering=True)
    source, sink = [*sys.argv[1:], *[
        'videotestsrc is-live=true pattern=ball ! video/x-raw,width=160,height=96,framerate=25/1',
        'videoconvert ! autovideosink'][len(sys.argv) - 1:]][:2]
    try:
        app = Application(source, sink)
    except GLib.Error as error:  # a mistake in the line, or an element that is not installed
        print(error.message, file=sys.stderr)
        return 1
    return 0 if app.run() else 1


sys.exit(main())
