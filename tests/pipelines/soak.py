"""flashvsr-rtsp for a long time, with clients that come and go: are memory, descriptors, threads and
latency flat? By hand:

    /usr/bin/python3 tests/pipelines/soak.py [--minutes 60] [--source test] [-- option of flashvsr-rtsp ...]

Prints a row a minute, and compares the second quarter of the time with the last one. Exit status 1:
something grew, or a client was left without frames.
"""
import argparse
import os
import random
import re
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'support'))
from live import BUILD, Client, Program  # noqa: E402

COLUMNS = {'memory': 'MB', 'descriptors': '', 'threads': '', 'latency': 'ms', 'fps': ''}
MOST_CLIENTS = 4
GROWTH = {'memory': 1.03, 'descriptors': 1.1, 'threads': 1.1, 'latency': 1.1}  # more than that is not flat


def sample(server):
    """What the system and the server itself say about it; nothing before the first statistics."""
    figures = server.figures()
    if not figures:
        return None
    folder = Path('/proc') / str(server.process.pid)
    status = dict(re.findall(r'(\w+):\s+(\d+)', (folder / 'status').read_text()))
    return {'memory': int(status['VmRSS']) / 1000, 'descriptors': len(os.listdir(folder / 'fd')),
            'threads': int(status['Threads']), 'latency': float(figures['latency-ms']),
            'fps': float(figures['fps-out'])}


def mean(samples, name):
    return sum(item[name] for item in samples) / len(samples)


class Audience:
    """Clients that come and go, and that watch while they are there."""

    def __init__(self, url):
        self.url, self.clients, self.came, self.starved = url, [], 0, 0
        self.random = random.Random(1)

    def change(self):
        if self.clients and (len(self.clients) == MOST_CLIENTS or self.random.random() < 0.5):
            client, since = self.clients.pop(self.random.randrange(len(self.clients)))
            if time.monotonic() - since > 15 and not client.frames or client.error():
                self.starved += 1
            client.stop()
        else:
            self.clients.append((Client(self.url), time.monotonic()))
            self.came += 1

    def leave(self):
        for client, _ in self.clients:
            client.stop()


def watch(server, audience, minutes):
    """Samples, one in 5 s."""
    samples, start, shown = [], time.monotonic(), 0
    while time.monotonic() - start < minutes * 60:
        audience.change()
        time.sleep(5)
        assert server.process.poll() is None, f'the server ended:\n{server.said()}'
        item = sample(server)
        if item:
            samples.append(item)
        minute = int((time.monotonic() - start) / 60)
        if minute > shown:
            shown = minute
            newest = samples[-12:]
            print(f'| {minute} | {audience.came} | ' +
                  ' | '.join(f'{mean(newest, name):.1f}' for name in COLUMNS) + ' |', flush=True)
    return samples


def compare(samples):
    """True: flat."""
    quarter = len(samples) // 4
    early, late = samples[quarter:2 * quarter], samples[-quarter:]
    flat = True
    for name, limit in GROWTH.items():
        before, after = mean(early, name), mean(late, name)
        verdict = 'flat' if after <= before * limit else 'GROWS'
        flat = flat and verdict == 'flat'
        print(f'{name}: {before:.1f} in the second quarter, {after:.1f} in the last {COLUMNS[name]}: {verdict}')
    return flat


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--minutes', type=float, default=60)
    parser.add_argument('--source', default='test')
    parser.add_argument('options', nargs='*', default=[
        '--caps', 'video/x-raw,width=64,height=48,framerate=10/1', '--scale', '2'])
    arguments = parser.parse_args()
    with Program(BUILD / 'pipelines/rtsp/flashvsr-rtsp', arguments.source, '--port', 0, '--statistics', 5,
                 *arguments.options) as server:
        audience = Audience(server.first_line())
        print('| minute | clients so far | ' +
              ' | '.join(name + (f' ({unit})' if unit else '') for name, unit in COLUMNS.items()) + ' |')
        print('|---' * (2 + len(COLUMNS)) + '|', flush=True)
        samples = watch(server, audience, arguments.minutes)
        audience.leave()
        flat = compare(samples)
        print(f'clients: {audience.came} came, {audience.starved} were left without frames')
        assert server.stop() == 0, server.said()
    return 0 if flat and not audience.starved else 1


sys.exit(main())
