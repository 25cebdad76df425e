# SPDX-License-Identifier: Apache-2.0
"""All checks of the project."""
import importlib.util
import json
import os
import sys
from pathlib import Path

from checks import ROOT, Check, run_command

# Seconds on an idle core of what takes more than ten, and into how many parts it is cut.
WORK = {
    'core_test': (120, 8),
    'engine_pipeline_test': (45, 6),
    'element_test': (45, 4),
    'models_test': (50, 2),
    'gst examples': (15, 1),
    'packaging fetch_libtorch': (40, 2),
    'pipelines catalogue': (200, 12),
    'pipelines demo': (60, 1),
    'pipelines examples': (25, 2),
    'pipelines farm': (25, 7),
    'pipelines farm_slurm': (60, 2),
    'pipelines fetch': (15, 3),
    'pipelines launch': (35, 10),
    'pipelines rtsp': (70, 6),
    'pipelines rtsp_attacks': (90, 6),
    'pipelines rtsp_logins': (40, 5),
    'pipelines rtsp_requests': (20, 4),
    'pipelines upscale': (25, 11),
    'pipelines network': (160, 4),
    'pipelines upscale_codecs': (60, 11),
    'pipelines upscale_faults': (80, 7),
    'pipelines upscale_inputs': (80, 19),
    'pipelines upscale_jobs': (45, 11),
    'pipelines upscale_kills': (15, 1),
    'pipelines upscale_outputs': (50, 6),
    'pipelines upscale_parts': (50, 11),
    'pipelines upscale_tracks': (45, 4),
    'pipelines webrtc': (130, 6),
    'pipelines webrtc_attacks': (50, 4),
    'pipelines webrtc_requests': (60, 4),
    'soak': (60, 1),
    'style tidy': (1200, 2),
    'style docs': (300, 1),
    'core sanitize address': (200, 1),
    'core sanitize thread': (150, 1),
    'gst sanitize address': (80, 1),
    'gst sanitize thread': (80, 1),
    'gst sanitize valgrind': (80, 1),
    'pipelines sanitize address': (150, 1),
    'pipelines sanitize thread': (150, 1),
    'fuzz run': (200, 1),
}
THOROUGHLY = {'upscale_kills': ['--kills', 200], 'farm_slurm': ['--all']}  # where all is asked for
CARDS = ('8.0', '8.6', '8.9', '12.0')  # that a card of 9.0 can act, see kernels/device.h
SLOW_SCRIPTS = {'catalogue', 'demo', 'examples', 'upscale', 'rtsp', 'rtsp_attacks', 'rtsp_logins',
                'launch', 'webrtc', 'webrtc_attacks', 'webrtc_requests', 'raw_frames'}


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

    def environment(self, jobs):
        env = dict(os.environ)
        env.pop('DISPLAY', None)  # no test may open a window
        env['FLASHVSR_BUILD'] = str(self.path)
        if jobs > 1:
            env['OMP_NUM_THREADS'] = '1'  # the cores are taken by other programs
        libtorch = self.options['libtorch']
        has_engine = self.options['engine'] != 'disabled'
        if has_engine and (not libtorch or not Path(libtorch).is_dir()):
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


def sized_check(name, command, **options):
    seconds, parts = WORK.get(name, (10, 1))
    return Check(name, command, seconds=seconds, parts=parts, **options)


def meson_checks(build, gpu_only, quick):
    elsewhere = build.environment(jobs=1)
    for test in build.tests:
        if gpu_only and not any(suite.endswith(':gpu') for suite in test['suite']):
            continue
        command = [build.here(word) for word in test['cmd']]
        if quick and test['protocol'] == 'gtest':
            command.append('--gtest_filter=-*Slow*')
        env = {key: build.here(value) for key, value in test['env'].items()}
        if 'LD_LIBRARY_PATH' in env and 'LD_LIBRARY_PATH' in elsewhere:  # LibTorch of another machine
            env['LD_LIBRARY_PATH'] += ':' + elsewhere['LD_LIBRARY_PATH']
        yield sized_check(Path(command[0]).name, command, gtest=test['protocol'] == 'gtest', env=env)


def parity_checks(build, gpu_only, gpu):
    """The program skips cases of a kind that it does not know."""
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
            if gpu_only and device == 'cpu':
                continue
            yield Check(f'parity {case.name} {device} {precision}',
                        [program, case, '--device', device, '--precision', precision],
                        slow=case != cases[0],
                        skip='needs a GPU' if device == 'cuda' and not gpu else '')


def quality_checks(build, gpu_only, gpu):
    """The gate of reduced precisions; docs/performance.md and docs/memory.md have what was measured."""
    program = build.path / 'tests/quality'
    if not program.is_file():
        return
    if not gpu_only:
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


def bench_checks(build, gpu):
    program = build.path / 'tests/bench'
    if program.is_file():
        yield Check('bench 768x1408 bf16', [program, '--size', '768x1408', '--precision', 'bf16'],
                    skip='' if gpu else 'needs a GPU')


def scripts(folder):
    for script in sorted((ROOT / 'tests' / folder).glob('*')):
        if script.is_file() and os.access(script, os.X_OK):
            yield script


def script_checks(thorough):
    for folder in ('core', 'gst', 'pipelines', 'packaging'):
        for script in scripts(folder):
            if script.name != 'sanitize':
                arguments = THOROUGHLY.get(script.name, []) if thorough else []
                yield sized_check(f'{folder} {script.name}', [script, *arguments],
                                  slow=script.name in SLOW_SCRIPTS)


def soak_checks(thorough):
    """Of everything a little; hours are for by hand."""
    yield sized_check('soak', [ROOT / 'tests/soak', '--stub', '--minutes', 1 if thorough else 0.15], slow=True)


def lint_checks(changes):
    """Style, documents, sanitizers: everything, or the part that a change touches."""
    for script in scripts('style'):
        arguments = []
        if changes and script.name == 'docs':
            arguments = ['--commands-of', *changes.documents()]
        if changes and script.name == 'tidy':
            arguments = ['--minutes', 10]
        yield sized_check(f'style {script.name}', [script, *arguments],
                          slow=script.name in ('docs', 'tidy'))
    yield from sanitizer_checks(changes)
    yield sized_check('fuzz run', [ROOT / 'tests/fuzz/run', *(['--changed'] if changes else [])], slow=True)


def sanitizer_checks(changes):
    for folder, sources, kinds in (
            ('core', ('core/', 'tools/', 'tests/core/'), ('address', 'thread')),
            ('gst', ('gst/', 'core/flashvsr.h', 'tests/gst/'), ('address', 'thread', 'valgrind')),
            ('pipelines', ('pipelines/', 'gst/', 'core/flashvsr.h', 'tests/pipelines/'), ('address', 'thread'))):
        for kind in kinds if not changes or changes.touch(*sources) else ():
            yield sized_check(f'{folder} sanitize {kind}', [ROOT / 'tests' / folder / 'sanitize', kind],
                              slow=True)


def card_checks(build, gpu):
    """What older and smaller cards run, on this one: their kernels within their limits."""
    skip = '' if gpu else 'needs a GPU'
    for card in CARDS:
        env = {'FLASHVSR_CARD': card}
        for check in meson_checks(build, True, False):
            yield Check(f'{check.name} as {card}', [*check.command, '--gtest_filter=*Cuda*:*Gpu*'],
                        gtest=True, env={**check.env, **env}, skip=skip)
        yield Check(f'parity micro-v1 cuda bf16 as {card}',
                    [build.path / 'tests/parity', ROOT / 'tests/data/micro-v1', '--device', 'cuda',
                     '--precision', 'bf16'], skip=skip, env=env)
    yield Check('quality released fp8 as 8.9', [build.path / 'tests/quality', '--floor', 40, 'fp8'],
                skip=skip, env={'FLASHVSR_CARD': '8.9'})


def has_gpu():
    try:
        return run_command(['nvidia-smi', '-L'], dict(os.environ), 60)[0] == 0
    except FileNotFoundError:
        return False


def gpu_checks(build, quick):
    gpu = has_gpu()
    return [*meson_checks(build, True, quick), *parity_checks(build, True, gpu), *bench_checks(build, gpu),
            *quality_checks(build, True, gpu), *card_checks(build, gpu)]


def product_checks(build, quick, thorough):
    gpu = has_gpu()
    return [*meson_checks(build, False, quick), *parity_checks(build, False, gpu),
            *quality_checks(build, False, gpu), *script_checks(thorough), *soak_checks(thorough)]
