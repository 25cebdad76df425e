# SPDX-License-Identifier: Apache-2.0
"""What the scripts named `sanitize` have in common."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get('FLASHVSR_BUILD', ROOT / 'build')).resolve()
COMPILER = 'ccache c++' if shutil.which('ccache') else 'c++'
FLAGS = {'address': '-fsanitize=address,undefined -fno-sanitize-recover=undefined', 'thread': '-fsanitize=thread'}
OPTIONS = {
    'ASAN_OPTIONS': 'fast_unwind_on_malloc=0',
    'LSAN_OPTIONS': f'suppressions={ROOT}/tests/support/leaks.txt:print_suppressions=0',
    'TSAN_OPTIONS': 'ignore_noninstrumented_modules=1',
    'G_SLICE': 'always-malloc',  # GLib's own allocator would hide from the sanitizers what is freed
    'UBSAN_OPTIONS': 'print_stacktrace=1',
}


def options(**more):
    """The environment of a program that is built with a sanitizer; `more` goes behind the options of the same name."""
    return {**os.environ, **OPTIONS, **{name: f'{OPTIONS[name]}:{value}' for name, value in more.items()}}


def quietly(command, **how):
    """Ends the script with the command's last words where it fails."""
    result = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **how)
    if result.returncode:
        sys.exit(result.stdout[-5000:])
