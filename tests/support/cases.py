"""Scripts of test cases."""
import sys
import tempfile
import time
from pathlib import Path


def run_tests(namespace):
    """Runs the functions test_..., or those that the command line names, each with a folder of its own.
    Returns the exit status."""
    failed = 0
    for name, test in list(namespace.items()):
        if not name.startswith('test_') or (sys.argv[1:] and name not in sys.argv[1:]):
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(Path(folder))
                verdict = 'ok'
            except Exception as error:  # pylint: disable=broad-except
                failed += 1
                verdict = f'failed, line {error.__traceback__.tb_next.tb_lineno}: {error}'
        print(f'{name[5:]}: {verdict} ({time.monotonic() - start:.1f} s)', flush=True)
    return 1 if failed else 0
