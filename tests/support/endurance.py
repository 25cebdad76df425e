# SPDX-License-Identifier: Apache-2.0
"""Is a program after a long time as it was at its beginning?"""
import os
import re
import time
from pathlib import Path

# What may be more in the last quarter of the time than in the second: a share, and what a short run still fills.
GROWTH = {'memory': (0.03, 8), 'descriptors': (0.1, 6), 'threads': (0.1, 4), 'latency': (0.25, 100)}
UNITS = {'memory': 'MB', 'latency': 'ms'}  # of the latency the least


def figures(process):
    """What the system says about a process: memory in MB, descriptors, threads."""
    folder = Path('/proc') / str(process)
    status = dict(re.findall(r'(\w+):\s+(\d+)', (folder / 'status').read_text()))
    return {'memory': int(status['VmRSS']) / 1000, 'descriptors': len(os.listdir(folder / 'fd')),
            'threads': int(status['Threads'])}


def settle(process):
    """Waits, not for long, until nothing comes and goes any more."""
    end, seen, since = time.monotonic() + 10, None, 0
    while time.monotonic() < end and time.monotonic() - since < 1:
        now = {**figures(process), 'memory': 0}
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.1)


def typical(samples, name):
    """Of what is known: the mean, of the latency the least, since all that the machine does besides adds to it."""
    values = [sample[name] for sample in samples if sample[name] is not None]
    if not values:
        return float('nan')
    return min(values) if name == 'latency' else sum(values) / len(values)


class Samples:
    def __init__(self):
        self.all = []

    def add(self, process, latency):
        """`latency`: ms, None where nothing is known."""
        self.all.append({**figures(process), 'latency': latency})

    def table(self):
        """At the start, in the middle and at the end, of a tenth of the samples each."""
        some = max(1, len(self.all) // 10)
        middle = len(self.all) // 2
        yield '| | ' + ' | '.join(name + (f' ({UNITS[name]})' if name in UNITS else '') for name in GROWTH) + ' |'
        yield '|---' * (1 + len(GROWTH)) + '|'
        for when, samples in (('start', self.all[:some]), ('middle', self.all[middle:middle + some]),
                              ('end', self.all[-some:])):
            yield f'| {when} | ' + ' | '.join(f'{typical(samples, name):.1f}' for name in GROWTH) + ' |'

    def grown(self):
        """What is more in the last quarter than in the second."""
        quarter = max(1, len(self.all) // 4)
        early, late = self.all[quarter:2 * quarter], self.all[-quarter:]
        for name, (share, some) in GROWTH.items():
            before, after = typical(early, name), typical(late, name)
            if after > before * (1 + share) + some:
                yield f'{name} grows from {before:.1f} to {after:.1f} {UNITS.get(name, "")}'.rstrip()
