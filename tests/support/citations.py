# SPDX-License-Identifier: Apache-2.0
"""What comments and documents refer to exists: sections, `docs/NAME.md section N`, and files of the project."""
import functools
import itertools
import os
import re
from pathlib import Path

from checks import ROOT

FOLDERS = ('.ci', 'core', 'docs', 'gst', 'kernels', 'models', 'packaging', 'pipelines', 'tests', 'tools')
C_LIKE = {'.h', '.cpp', '.cu', '.cuh', '.js', '.css'}
C_COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/', re.S)
OTHER_COMMENT = re.compile(r'(?:^|(?<=\s))#[^\n]*|""".*?"""', re.S | re.M)
MOST_BYTES = 1 << 20

# As in docs/model.md sections 5.1 and 5.4, steps of lists included: docs/model.md section 5.1, steps 3 to 6.
NUMBERS = r'\d+(?:\.\d+)*(?:(?:,? and|,|,? or| to)\s+\d+(?:\.\d+)*)*'
CITATION = re.compile(rf'\b[Ss]ections?\s+({NUMBERS})(?:,\s+(?:step|trap|item)s?\s+({NUMBERS}))?')
BEFORE = 100  # characters that hold the document's name
DOCUMENT = re.compile(r'([\w./-]+\.md|RFC \d+|ISO [\d-]+),?\s+$')
HEADING = re.compile(r'^#+ (\d+(?:\.\d+)*)\.? [^\n]*\n(.*?)(?=^#|\Z)', re.S | re.M)

PATH = re.compile(r'(?<![\w./~$}>-])(?:[\w.-]+/)+(?:[\w.*-]|\{[\w,.]+\})*')
ENDINGS = tuple('.bash .c .ckpt .cpp .css .cu .cuh .h .html .i420 .ini .jpg .js .json .md .mp4 .png .pth .py'
                ' .safetensors .service .sh .txt .tsv .yml'.split())
PRODUCTS = ('build/',)
STAND_IN = re.compile(r'[A-Z_]+(\.\w+)?')  # NAME, FOLDER/NNN.png: for whatever the reader has there


def texts():
    """Path and text of every file that may refer to others."""
    inside = (Path(folder, name) for top in FOLDERS for folder, _, names in os.walk(ROOT / top)
              if '__pycache__' not in folder for name in names)
    for path in sorted(itertools.chain((entry for entry in ROOT.iterdir() if entry.is_file()), inside)):
        try:
            if path.stat().st_size <= MOST_BYTES:
                yield path, path.read_text()
        except (OSError, UnicodeDecodeError):  # nothing to read, or no text
            pass


def prose(path, text):
    """A document, or the comments of a source file; lines stay where they are."""
    text = re.sub(r'(?<!\w)\w{1,10}://[^\s)]+', '', text)
    if path.suffix == '.md':
        return text
    lines = [''] * (text.count('\n') + 1)
    for comment in (C_COMMENT if path.suffix in C_LIKE else OTHER_COMMENT).finditer(text):
        first = text.count('\n', 0, comment.start())
        for number, line in enumerate(comment[0].split('\n'), first):
            lines[number] += ' ' + line.strip(' /*#"')
    return '\n'.join(lines)


def numbers(text):
    return re.findall(r'\d+(?:\.\d+)*', text or '')


@functools.cache
def sections(document):
    """Number to text."""
    return dict(HEADING.findall(document.read_text()))


def bad_citation(path, citation):
    """Why, or None."""
    listed, steps = citation.groups()
    named = DOCUMENT.search(citation.string[max(0, citation.start() - BEFORE):citation.start()])
    named = named and named[1]
    if named and not named.endswith('.md'):
        return None
    document = ROOT / named if named else path
    if not named and (path.suffix != '.md' or not sections(path)):
        return 'of which document?'
    if not document.is_file():
        return f'no such file: {named}'
    for number in numbers(listed):
        if number not in sections(document):
            return f'{document.name} has no section {number}'
    for step in numbers(steps):
        if not re.search(rf'^{step}\. ', sections(document)[numbers(listed)[-1]], re.M):
            return f'section {numbers(listed)[-1]} of {document.name} has no item {step}'
    return None


def spellings(name):
    """'a.{h,cpp}' as 'a.h' and 'a.cpp'."""
    brace = re.search(r'\{([^}]*)\}', name)
    return [name] if not brace else [
        name[:brace.start()] + part + name[brace.end():] for part in brace[1].split(',')]


def exists(path, name):
    """From the project's root or from a folder above the file. A program is its source."""
    return any(next(folder.glob(spelling), None) for folder in (ROOT, *path.parents) if folder.is_relative_to(ROOT)
               for spelling in (name, name + '.cpp'))


def missing_files(path, name):
    if not name.startswith(tuple(folder + '/' for folder in FOLDERS)) and not name.endswith(ENDINGS):
        return
    if name.startswith(PRODUCTS) or any(STAND_IN.fullmatch(part) for part in name.split('/')):
        return
    yield from (spelling for spelling in spellings(name) if not exists(path, spelling.rstrip('/')))


def broken():
    """A line for each reference to what does not exist."""
    for path, whole in texts():
        text = prose(path, whole)
        place = path.relative_to(ROOT)
        for citation in CITATION.finditer(text):
            why = bad_citation(path, citation)
            if why:
                yield f'{place}:{text.count(chr(10), 0, citation.start()) + 1}: {" ".join(citation[0].split())}: {why}'
        for found in PATH.finditer(text):
            for name in missing_files(path, found[0].rstrip('.')):
                yield f'{place}:{text.count(chr(10), 0, found.start()) + 1}: no such file: {name}'
