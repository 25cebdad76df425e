# SPDX-License-Identifier: Apache-2.0
"""How evenly frames leave: the distribution of the time between two frames, where the upscaler gives them
out in chunks, behind clocksync, and at a client of flashvsr-rtsp. By hand:

    /usr/bin/python3 tests/pipelines/pacing.py [--seconds 30] [--rate 10] [--size 64x48]
"""
import argparse
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'support'))
from live import BUILD, Client, Gst, Program, wait_for  # noqa: E402


def arrivals(caps, pacing, seconds):
    """Times of the frames behind the element, once it has started."""
    pipeline = Gst.parse_launch(f'videotestsrc is-live=true pattern=ball ! {caps} ! flashvsrupscale scale=2 ! '
                                f'{pacing} fakesink name=sink sync=false')
    times = []
    pipeline.get_by_name('sink').get_static_pad('sink').add_probe(
        Gst.PadProbeType.BUFFER, lambda *_: times.append(time.monotonic()) or Gst.PadProbeReturn.OK)
    bus = pipeline.get_bus()
    pipeline.set_state(Gst.State.PAUSED)
    while bus.timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.PROGRESS).parse_progress()[0] != \
            Gst.ProgressType.COMPLETE:
        pass
    pipeline.set_state(Gst.State.PLAYING)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if bus.timed_pop_filtered(Gst.SECOND // 10, Gst.MessageType.LATENCY):
            pipeline.recalculate_latency()
    pipeline.set_state(Gst.State.NULL)
    return times


def at_a_client(caps, seconds):
    with Program(BUILD / 'pipelines/rtsp/flashvsr-rtsp', 'test', '--caps', caps, '--scale', 2, '--port', 0,
                 '--no-sound') as server:
        with Client(server.first_line()) as client:
            wait_for(lambda: client.frames, 'the first frame')
            time.sleep(seconds)
            return [frame[1] for frame in client.frames]


def show(name, times):
    """Milliseconds. The first seconds are the start, not the stream."""
    steady = [t for t in times if t > times[0] + 3]
    steps = sorted((b - a) * 1000 for a, b in zip(steady, steady[1:]))
    cells = [f'{steps[int(share * (len(steps) - 1))]:.1f}' for share in (0, 0.1, 0.5, 0.9, 0.99, 1)]
    print(f'| {name} | {len(steps)} | ' + ' | '.join(cells) + ' |', flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=float, default=30)
    parser.add_argument('--rate', type=int, default=10)
    parser.add_argument('--size', default='64x48')
    arguments = parser.parse_args()
    width, height = arguments.size.split('x')
    caps = f'video/x-raw,width={width},height={height},framerate={arguments.rate}/1'
    print(f'Milliseconds between two frames at {arguments.rate} a second, {arguments.size} upscaled twice:\n')
    print('| where | intervals | least | 10 % | median | 90 % | 99 % | most |')
    print('|---|---|---|---|---|---|---|---|')
    show('behind the element', arrivals(caps, '', arguments.seconds))
    show('behind `clocksync`', arrivals(caps, 'queue ! clocksync !', arguments.seconds))
    show('at a client of flashvsr-rtsp', at_a_client(caps, arguments.seconds))


main()
