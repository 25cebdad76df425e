# SPDX-License-Identifier: Apache-2.0
"""One line of the catalogue."""
from dataclasses import dataclass, field
from typing import Any, Callable


@dataclass
class Kind:
    """A file, how it is made, and what has to become of it. What is not said here has to be as it was in the file."""
    name: str
    ending: str
    words: str = ''  # of ffmpeg, between the test picture with its sound and the output
    frames: int = 30  # that ffmpeg decodes from it
    source_frames: int = 30  # of the test picture that go into it
    rate: str = '25'
    make: Callable | None = None  # instead of ffmpeg alone: make(workshop, path)
    edit: Callable | None = None  # bytes to bytes, afterwards
    to: str = 'mkv'  # outputs, one run each
    options: str = ''  # of flashvsr-upscale
    status: int = 0
    says: str = ''  # expression that has to be found in what is printed
    expect: dict[str, Any] = field(default_factory=dict)

    def identity(self):
        """Changes when the file that is there was made from another line."""
        made_by = [getattr(f, 'description', getattr(f, '__name__', '')) for f in (self.make, self.edit) if f]
        return repr((self.ending, self.words, self.source_frames, self.rate, made_by))


def kind(name, ending, words='', frames=30, of=None, rate='25', make=None, edit=None, to='mkv', options='', status=0, says='', **expect):
    return Kind(name, ending, words, frames, of or frames, rate, make, edit, to, options, status, says, expect)
