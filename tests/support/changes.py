# SPDX-License-Identifier: Apache-2.0
"""What has changed since a state of the project that is known to be good."""
import os
import subprocess
from pathlib import Path

from checks import ROOT

CACHE = Path(os.environ.get('FLASHVSR_CACHE') or
             Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'flashvsrupscale')
PASSED = CACHE / 'ci/passed'  # names the last commit that passed
FEW = 20  # commits that are taken as changed where no good state is known


def git(*words):
    """What it prints, or '' where it fails."""
    result = subprocess.run(['git', '-C', ROOT, *words], capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else ''


def good_commit():
    """Where HEAD left the trunk; on the trunk itself, the last commit that passed, or some commits back."""
    head = git('rev-parse', 'HEAD')
    branched = git('merge-base', 'HEAD', 'origin/main') or git('merge-base', 'HEAD', 'origin/HEAD')
    if branched and branched != head:
        return branched
    passed = PASSED.read_text().strip() if PASSED.is_file() else ''
    if passed and git('merge-base', passed, 'HEAD') == passed:
        return passed
    return git('rev-list', '--skip', str(FEW), '--max-count', '1', 'HEAD')


def note_passed():
    if not git('status', '--porcelain'):
        PASSED.parent.mkdir(parents=True, exist_ok=True)
        PASSED.write_text(git('rev-parse', 'HEAD') + '\n')


class Changes:
    """Files that are not as they were in the commit `since`; all files where that is ''."""

    def __init__(self, since):
        self.since = since
        committed = git('diff', '--name-only', since) if since else git('ls-files')
        self.files = sorted({*committed.split('\n'), *git('ls-files', '--others', '--exclude-standard').split('\n')})

    def __str__(self):
        return f'{len(self.files)} files have changed since {self.since[:10] or "the beginning"}'

    def touch(self, *beginnings):
        return any(name.startswith(beginnings) for name in self.files)

    def documents(self):
        return [name for name in self.files if name.endswith('.md')]
