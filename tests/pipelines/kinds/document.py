# SPDX-License-Identifier: Apache-2.0
"""The table of docs/upscale.md: what the catalogue's runs kept, by property and output."""
import re

OUTPUTS = ('mp4', 'mov', 'mkv', 'webm', 'y4m', 'png')
HEADING = '## What is kept where'
NAMES = {'kept': 'yes', 'said': 'no, said'}
ROWS = ('frames', 'times', 'picture', 'depth', 'alpha', 'rotation', 'aspect', 'colour', 'light levels', 'captions', 'chapters', 'title',
        'language', 'time code', 'cover', 'attachments', 'data', 'second video')
TITLES = {'depth': '10 bits', 'aspect': 'pixel aspect', 'light levels': 'HDR10 levels', 'title': 'title, artist', 'language': 'languages',
          'cover': 'cover picture', 'second video': 'a second video'}
TEXT = """Seen by `tests/pipelines/catalogue --table`, which writes this section. *No, said*: a line says so, and the
exit code is 7. Both: it depends on the codec, or on how the input holds it. Empty: the output has no place for it."""


def is_shown(what):
    return what in ROWS or what.startswith(('sound ', 'subtitles '))


def order(what):
    return (ROWS.index(what), what) if what in ROWS else (len(ROWS) + what.startswith('subtitles'), what)


def cells_of(seen):
    """`seen`: {(property, output): set of verdicts}. Rows of texts."""
    tried = {what: sum((what, output) in seen for output in OUTPUTS) for what, _ in seen}
    for what in sorted((what for what in tried if is_shown(what) and tried[what] > 2), key=order):
        row = [' or '.join(NAMES[v] for v in ('kept', 'said') if v in seen.get((what, output), ())) for output in OUTPUTS]
        yield [TITLES.get(what, what), *row]


def table(seen):
    lines = [f'| | {" | ".join(OUTPUTS)} |', '|---' * (len(OUTPUTS) + 1) + '|']
    return '\n'.join(lines + ['| ' + ' | '.join(row) + ' |' for row in cells_of(seen)])


def written(text, seen):
    """The document with the table of what was seen."""
    section = f'{HEADING}\n\n{TEXT}\n\n{table(seen)}\n\n'
    found = re.search(rf'{HEADING}\n.*?(?=\n## )', text, re.DOTALL)
    assert found, f'the document has no section "{HEADING}"'
    return text.replace(found[0] + '\n', section, 1)


def contradictions(text, seen):
    """What was seen and the document says otherwise; it need not be all, as a run may be a part of the catalogue."""
    said = {}
    for line in text[text.index(HEADING):].splitlines():
        if line.startswith('| '):
            row = [cell.strip() for cell in line.strip('|').split('|')]
            said[row[0]] = dict(zip(OUTPUTS, row[1:]))
    for (what, output), verdicts in sorted(seen.items()):
        cells = said.get(TITLES.get(what, what), {})
        for verdict in sorted(verdicts & set(NAMES)) if is_shown(what) and cells else ():
            if NAMES[verdict] not in cells[output].split(' or '):
                yield f'docs/upscale.md says of {what} in {output}: "{cells[output]}"; seen: "{NAMES[verdict]}"'
