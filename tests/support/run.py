# SPDX-License-Identifier: Apache-2.0
"""Runs the checks, prints a line for each, and counts. Started by tests/run."""
import argparse
import os
import signal
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import changes
import pool
import suite
from checks import ROOT, Counts

SHOWN_LINES = 60  # of the output of what failed
SHOWN_WHY = 3  # of the output of what was skipped
SLOWEST = 10


def parse_arguments():
    parser = argparse.ArgumentParser(prog='tests/run')
    parser.add_argument('--all', action='store_true')
    parser.add_argument('--changed', action='store_true')
    parser.add_argument('--gpu', action='store_true')
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--jobs', type=int)
    parser.add_argument('--build', type=Path, default=ROOT / 'build')
    parser.add_argument('names', nargs='*')
    return parser.parse_args()


def choose(arguments, build, changed):
    """What the command line asks for. A name is looked for among all checks."""
    if arguments.gpu:
        checks = suite.gpu_checks(build, arguments.quick)
    else:
        checks = suite.product_checks(build, arguments.quick, arguments.all)
        if arguments.all or arguments.names or arguments.list or changed:
            checks += suite.lint_checks(changed)
    words = set(arguments.names)
    unknown = words - {word for check in checks for word in check.name.split()}
    if unknown:
        sys.exit(f'tests/run: no test has {" or ".join(sorted(unknown))} in its name; see tests/run --list')
    return [check for check in checks
            if not (arguments.quick and check.slow) and (not words or words & set(check.name.split()))]


class Report:
    """Prints what comes out, and keeps the figures for the end."""

    def __init__(self):
        self.total, self.timed_out, self.times = Counts(), [], []

    def add(self, outcome):
        check = outcome.check
        self.total.add(outcome.counts)
        self.timed_out += outcome.timed_out
        if check.skip:
            note = check.skip
        else:
            self.times.append((outcome.seconds, check.name))
            note = f'{outcome.seconds:.1f} s'
            if check.parts > 1:
                note += f' in {check.parts} parts, the longest {outcome.longest:.1f} s'
        print(f'{check.name:32} {outcome.counts}  ({note})', flush=True)
        for failed, output in outcome.outputs:
            lines = output.splitlines()
            if failed:
                print('\n'.join('    ' + line for line in lines[-SHOWN_LINES:]), flush=True)
            elif 'bench' in check.name:
                print(output, flush=True)
            elif outcome.counts.skipped and not check.gtest and not check.skip:
                print('\n'.join('    ' + line for line in lines[-SHOWN_WHY:]), flush=True)

    def summary(self, seconds):
        """The last lines; the very last one is the counts alone."""
        yield f'{seconds:.0f} s in all; most of them:'
        for spent, name in sorted(self.times, reverse=True)[:SLOWEST]:
            yield f'{spent:8.1f} s  {name}'
        if self.timed_out:
            yield f'timed out: {", ".join(self.timed_out)}'
        yield str(self.total)


def record(path, lines):
    """Keeps the result of a run of everything, for a note about it."""
    commit = changes.git('log', '-1', '--format=%h %s')
    now = datetime.now(timezone.utc).strftime('%Y-%m-%d %H:%M UTC')
    path.write_text('\n'.join([f'{now}, {os.cpu_count()} cores, {commit}', *lines]) + '\n')


def main():
    arguments = parse_arguments()
    build = suite.Build(arguments.build.resolve())
    changed = changes.Changes(changes.good_commit()) if arguments.changed else None
    checks = choose(arguments, build, changed)
    if arguments.list:
        print('\n'.join(check.name for check in checks))
        return 0
    if changed:
        print(changed, flush=True)
    jobs = arguments.jobs or (1 if arguments.gpu else os.cpu_count())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # What is ignored here, in the background or under nohup, would be ignored by every program that is tested;
    # a handler goes on ignoring it and is not inherited.
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    start = time.monotonic()
    scale = pool.slowness(jobs)
    report = Report()
    for outcome in pool.run(checks, jobs, build.environment(jobs), scale):
        report.add(outcome)
    lines = list(report.summary(time.monotonic() - start))
    good = report.total.passed and not report.total.failed
    if arguments.all and not arguments.names:
        record(build.path / 'last-full-run.txt', lines)
    if changed and good:
        changes.note_passed()
    print('\n'.join(lines))
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
