"""Runs test programs and checks, prints a line for each, and counts. Started by tests/run."""
import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIP_STATUS = 77  # exit status by which a script says that it cannot run here
SHOWN_LINES = 60  # of the output of what failed


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


class Check:
    """One program to run. What it counts for is its exit status, or its GoogleTest report."""

    def __init__(self, name, command, *, gtest=False, env=None, timeout=600, slow=False, skip=''):
        self.name, self.command, self.gtest = name, [str(word) for word in command], gtest
        self.env, self.timeout, self.slow, self.skip = env or {}, timeout, slow, skip

    def run(self, env):
        """Returns its counts and what it printed."""
        if self.skip:
            return Counts(skipped=1), self.skip
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / 'report.json'
            command = self.command + ([f'--gtest_output=json:{report}'] if self.gtest else [])
            status, output = run_command(command, {**env, **self.env}, self.timeout)
            if not self.gtest:
                if status == SKIP_STATUS:
                    return Counts(skipped=1), output
                return (Counts(passed=1) if status == 0 else Counts(failed=1)), output
            counts = read_gtest_report(report)
        # A crash, or a failure outside the test cases (leaks, tear-down), is one more failure.
        if status != 0 and counts.failed == 0:
            counts.failed = 1
        return counts, output


def run_command(command, env, timeout):
    """Exit status (negative: signal) and output. The whole process group goes when time is up."""
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return -signal.SIGKILL, decoded(output) + f'\nstopped after {timeout} s'
    text = decoded(output)
    if process.returncode < 0:
        text += f'\nended by {signal.Signals(-process.returncode).name}'
    return process.returncode, text


def decoded(output):
    return output.decode(errors='replace').rstrip()


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


class Build:
    """A build folder, possibly made in another place than the one it is in now."""

    def __init__(self, path):
        self.path = path
        info = path / 'meson-info'
        if not info.is_dir():
            sys.exit(f'tests/run: {path} is not a Meson build folder')
        made_in = json.loads((info / 'meson-info.json').read_text())['directories']
        self.moves = [(made_in['build'], str(path)), (made_in['source'], str(ROOT))]
        self.tests = json.loads((info / 'intro-tests.json').read_text())
        options = json.loads((info / 'intro-buildoptions.json').read_text())
        self.options = {option['name']: option['value'] for option in options}

    def here(self, text):
        for there, here in self.moves:
            text = text.replace(there, here)
        return text

    def environment(self):
        env = dict(os.environ)
        env.pop('DISPLAY', None)  # no test may open a window
        env['FLASHVSR_BUILD'] = str(self.path)
        libtorch = self.options['libtorch']
        if not libtorch or not Path(libtorch).is_dir():
            folders = installed_libtorch()
            env['LD_LIBRARY_PATH'] = ':'.join(folders + [env.get('LD_LIBRARY_PATH', '')])
        return env


def installed_libtorch():
    """Library folders of the PyTorch that this Python would import."""
    torch = importlib.util.find_spec('torch')
    if torch is None:
        sys.exit("tests/run: the build's LibTorch is not on this machine, and python3 has no torch")
    package = Path(torch.submodule_search_locations[0])
    return [str(package / 'lib')] + [str(p) for p in package.parent.glob('nvidia/*/lib')]


def meson_checks(build, arguments):
    for test in build.tests:
        if arguments.gpu and not any(suite.endswith(':gpu') for suite in test['suite']):
            continue
        command = [build.here(word) for word in test['cmd']]
        name = Path(command[0]).name
        gtest = test['protocol'] == 'gtest'
        if gtest and arguments.quick:
            command.append('--gtest_filter=-*Slow*')
        yield Check(name, command, gtest=gtest,
                    env={key: build.here(value) for key, value in test['env'].items()},
                    timeout=max(600, test['timeout']))


def parity_checks(build, arguments, gpu):
    program = build.path / 'tests/parity'
    if not program.is_file():
        return
    cases = [ROOT / 'tests/data/micro-v1']
    for description in sorted((ROOT / '../shared/golden').resolve().glob('*/case.json')):
        case = description.parent
        if case.name != 'micro-v1':
            cases.append(case)
    for case in cases:
        for device, precision in (('cpu', 'fp32'), ('cuda', 'fp32'), ('cuda', 'bf16')):
            if arguments.gpu and device == 'cpu':
                continue
            yield Check(f'parity {case.name} {device} {precision}',
                        [program, case, '--device', device, '--precision', precision],
                        slow=case != cases[0],
                        skip='needs a GPU' if device == 'cuda' and not gpu else '')


def bench_checks(build, arguments, gpu):
    program = build.path / 'tests/bench'
    if arguments.gpu and program.is_file():
        yield Check('bench 768x1408 bf16', [program, '--size', '768x1408', '--precision', 'bf16'],
                    skip='' if gpu else 'needs a GPU')


def quality_checks(build, arguments, gpu):
    """The gate of reduced precisions; docs/performance.md and docs/memory.md have what was measured."""
    program = build.path / 'tests/quality'
    if not program.is_file():
        return
    if not arguments.gpu:
        yield Check('quality nano kv-cache=int8, cpu',
                    [program, '--device', 'cpu', '--model', ROOT / 'models/nano', '--reference', 'fp32',
                     '--kv-cache', 'int8', '--floor', 70, 'fp32'])
        return
    for mode, floor in (('int8', 47), ('host', 99), ('host-int8', 47)):
        yield Check(f'quality released kv-cache={mode}',
                    [program, '--kv-cache', mode, '--floor', floor, 'bf16'],
                    skip='' if gpu else 'needs a GPU')
    for model in ('released', ROOT / 'models/nano'):
        for precision, floor in (('fp8-linears', 42), ('fp8', 40)):
            yield Check(f'quality {Path(model).name} {precision}',
                        [program, '--model', model, '--floor', floor, precision],
                        skip='' if gpu else 'needs a GPU')


def script_checks(arguments):
    if arguments.gpu:
        return
    slow = {'tidy', 'docs', 'demo', 'examples', 'sanitize', 'upscale', 'rtsp', 'launch', 'webrtc',
            'raw_frames'}
    for folder in ('style', 'core', 'gst', 'pipelines'):
        for script in sorted((ROOT / 'tests' / folder).glob('*')):
            if script.is_file() and os.access(script, os.X_OK):
                yield Check(f'{folder} {script.name}', [script], timeout=1200,
                            slow=script.name in slow)


def has_gpu():
    try:
        return run_command(['nvidia-smi', '-L'], dict(os.environ), 60)[0] == 0
    except FileNotFoundError:
        return False


def parse_arguments():
    parser = argparse.ArgumentParser(prog='tests/run')
    parser.add_argument('--gpu', action='store_true')
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--build', type=Path, default=ROOT / 'build')
    parser.add_argument('names', nargs='*')
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    build = Build(arguments.build.resolve())
    env = build.environment()
    gpu = has_gpu()
    checks = [*meson_checks(build, arguments), *parity_checks(build, arguments, gpu),
              *bench_checks(build, arguments, gpu), *quality_checks(build, arguments, gpu),
              *script_checks(arguments)]
    checks = [check for check in checks
              if not (arguments.quick and check.slow)
              and (not arguments.names or set(arguments.names) & set(check.name.split()))]
    if arguments.list:
        print('\n'.join(check.name for check in checks))
        return 0
    total = Counts()
    for check in checks:
        start = time.monotonic()
        counts, output = check.run(env)
        total.add(counts)
        note = f'{time.monotonic() - start:.1f} s' if not check.skip else check.skip
        print(f'{check.name:32} {counts}  ({note})', flush=True)
        if counts.failed:
            print('\n'.join('    ' + line for line in output.splitlines()[-SHOWN_LINES:]), flush=True)
        elif 'bench' in check.name:
            print(output, flush=True)
    print(total)
    return 1 if total.failed or not total.passed else 0


if __name__ == '__main__':
    sys.exit(main())
