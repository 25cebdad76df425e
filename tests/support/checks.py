# SPDX-License-Identifier: Apache-2.0
"""Checks: programs to run, and what they count for."""
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIP_STATUS = 77  # exit status by which a program says that it cannot run here
COUNTS = re.compile(r'(\d+) passed, (\d+) failed(?:, (\d+) skipped)?')
SHORTEST_LIMIT = 900  # seconds


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def __str__(self):
        skipped = f', {self.skipped} skipped' if self.skipped else ''
        return f'{self.passed} passed, {self.failed} failed{skipped}'

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


class Result:
    def __init__(self, counts, output, timed_out=False):
        self.counts, self.output, self.timed_out = counts, output, timed_out


class Check:
    """A program that counts for what its GoogleTest report says, for what its last line counts, or for its
    exit status. It may be run in parts, as GoogleTest shards its tests.

    `seconds`: what it takes, all parts together, on an idle core. Ten times that, and more on a slower
    machine, ends a part that hangs."""

    def __init__(self, name, command, *, gtest=False, env=None, seconds=10, parts=1, slow=False, skip=''):
        self.name, self.command, self.gtest = name, [str(word) for word in command], gtest
        self.env, self.slow, self.skip = env or {}, slow, skip
        self.seconds, self.parts = seconds, parts

    def run(self, part, env, slowness=1.0):
        """The result of one part. It has a folder for temporary files of its own."""
        if self.skip:
            return Result(Counts(skipped=1), self.skip)
        limit = slowness * max(SHORTEST_LIMIT, 10 * self.seconds)
        with tempfile.TemporaryDirectory(prefix='flashvsr-', ignore_cleanup_errors=True) as folder:
            report = Path(folder) / 'report.json'
            command = self.command + ([f'--gtest_output=json:{report}'] if self.gtest else [])
            env = {**env, **self.env, 'TMPDIR': folder, 'TEST_TMPDIR': f'{folder}/'}
            if self.parts > 1:
                env.update(GTEST_TOTAL_SHARDS=str(self.parts), GTEST_SHARD_INDEX=str(part))
            status, output = run_command(command, env, limit)
            counts = read_gtest_report(report) if self.gtest else counted(status, output, part)
        timed_out = status is None
        # A crash, or a failure outside the test cases (leaks, tear-down), is one more failure.
        if status not in (0, SKIP_STATUS) and counts.failed == 0:
            counts.failed = 1
        return Result(counts, output, timed_out)


running = set()  # process groups
running_lock = threading.Lock()


def run_command(command, env, limit):
    """Exit status (negative: signal; None: out of time) and output. No process of its group outlives it."""
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    with running_lock:
        running.add(process.pid)
    try:
        output, _ = process.communicate(timeout=limit)
        status = process.returncode
    except subprocess.TimeoutExpired:
        kill(process.pid)
        output, _ = process.communicate()
        status = None
    finally:
        with running_lock:
            running.discard(process.pid)
    kill(process.pid)
    text = output.decode(errors='replace').rstrip()
    if status is None:
        text += f'\ntimed out: stopped after {limit:.0f} s'
    elif status < 0:
        text += f'\nended by {signal.Signals(-status).name}'
    return status, text


def kill(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill_running():
    with running_lock:
        for group in running:
            kill(group)


def counted(status, output, part):
    """Of a program without a report. A program that is skipped is so once, not once a part."""
    if status == SKIP_STATUS:
        return Counts(skipped=1 if part == 0 else 0)
    line = COUNTS.fullmatch(output.rsplit('\n', 1)[-1])
    if line and status is not None and status >= 0:
        return Counts(*(int(number or 0) for number in line.groups()))
    return Counts(passed=1) if status == 0 else Counts(failed=1)


def read_gtest_report(path):
    counts = Counts()
    if not path.is_file():
        return counts
    for suite in json.loads(path.read_text())['testsuites']:
        for case in suite['testsuite']:
            if case.get('failures'):
                counts.failed += 1
            elif case['result'] == 'COMPLETED':
                counts.passed += 1
            else:
                counts.skipped += 1
    return counts
