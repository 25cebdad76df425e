# SPDX-License-Identifier: Apache-2.0
"""Scripts of test cases."""
import os
import sys
import tempfile
import time
from pathlib import Path

# Seconds that a test waits for what has to happen: a hang, wherever it is not long over. tests/run gives a slow
# machine more.
PATIENCE = int(os.environ.get('FLASHVSR_TEST_PATIENCE', 300))


def parts():
    """Into how many parts the script is cut."""
    return int(os.environ.get('GTEST_TOTAL_SHARDS', 1))


def own_cases(names):
    """Those of this part of the script, as GoogleTest shards tests."""
    return names[int(os.environ.get('GTEST_SHARD_INDEX', 0))::parts()]


def run_tests(namespace):
    """Runs the functions test_..., or those that the command line names, each with a folder of its own.
    The last line that it prints counts them. Returns the exit status."""
    passed = failed = 0
    names = [name for name in namespace if name.startswith('test_')]
    for name in own_cases([name for name in names if not sys.argv[1:] or name in sys.argv[1:]]):
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                namespace[name](Path(folder))
                verdict = 'ok'
                passed += 1
            except Exception as error:  # pylint: disable=broad-except
                failed += 1
                verdict = f'failed, line {error.__traceback__.tb_next.tb_lineno}: {error}'
        print(f'{name[5:]}: {verdict} ({time.monotonic() - start:.1f} s)', flush=True)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0
