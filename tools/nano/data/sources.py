# SPDX-License-Identifier: Apache-2.0
"""The table of SOURCES.md, which is also what the scripts work from."""

import dataclasses
import pathlib

HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass
class Source:
    package: str
    channel: str  # Debian, PyPI wheel or PyPI sdist
    version: str
    kind: str  # photo, texture, page, font, clip, held out
    most: int  # most stills taken from the package
    files: list  # patterns, see pictures.members
    licence: str


def load():
    """Sources in the order of the table's rows."""
    rows = []
    for line in (HERE / "SOURCES.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or cells[0] in ("Package", "---"):
            continue
        package, version, channel, kind, most, files, _, licence = cells
        patterns = [p.strip().strip("`") for p in files.split(",")]
        rows.append(Source(package, channel, version, kind, int(most), patterns, licence))
    return rows


if __name__ == "__main__":
    # For make: package, version and channel, each package once.
    for row in dict.fromkeys(f"{s.package}\t{s.version}\t{s.channel}" for s in load()):
        print(row)
