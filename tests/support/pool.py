# SPDX-License-Identifier: Apache-2.0
"""Runs checks side by side, the longest first."""
import concurrent.futures
import subprocess
import sys
import time

from checks import Counts, kill_running

WORK = 'sum(i * i for i in range(4_000_000))'
WORK_SECONDS = 0.35  # that it takes on the machine on which the checks' seconds were measured


def slowness(jobs):
    """How many times slower than that machine this one is, with what else it is doing; at least 1."""
    start = time.monotonic()
    for process in [subprocess.Popen([sys.executable, '-c', WORK]) for _ in range(jobs)]:
        process.wait()
    return max(1.0, (time.monotonic() - start) / WORK_SECONDS)


class Outcome:
    """Of a check, once all its parts are through."""

    def __init__(self, check):
        self.check, self.left = check, check.parts
        self.counts, self.seconds, self.longest = Counts(), 0.0, 0.0
        self.outputs, self.timed_out = [], []

    def add(self, part, result, seconds):
        name = f'part {part + 1} of {self.check.parts}'
        self.left -= 1
        self.counts.add(result.counts)
        self.seconds += seconds
        self.longest = max(self.longest, seconds)
        if result.counts.failed and self.check.parts > 1:
            result.output = f'{name}:\n{result.output}'
        self.outputs.append((result.counts.failed > 0, result.output))
        if result.timed_out:
            self.timed_out.append(self.check.name + (f' ({name})' if self.check.parts > 1 else ''))


def run(checks, jobs, env, scale):
    """Yields the outcome of each check, in the order in which they end."""
    def timed(check, part):
        start = time.monotonic()
        return check.run(part, env, scale), time.monotonic() - start

    env = {**env, 'FLASHVSR_TEST_PATIENCE': str(int(300 * scale))}
    outcomes = {check: Outcome(check) for check in checks}
    parts = [(check, part) for check in checks for part in range(check.parts)]
    if jobs > 1:
        parts.sort(key=lambda item: -item[0].seconds / item[0].parts)
    pool = concurrent.futures.ThreadPoolExecutor(jobs)
    try:
        futures = {pool.submit(timed, *item): item for item in parts}
        for future in concurrent.futures.as_completed(futures):
            check, part = futures[future]
            outcomes[check].add(part, *future.result())
            if outcomes[check].left == 0:
                yield outcomes[check]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        kill_running()
