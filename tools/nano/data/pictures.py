# SPDX-License-Identifier: Apache-2.0
"""Finds the pictures of an unpacked package, also those inside zip, pk3 and Qt resource files."""

import fnmatch
import io
import re
import zipfile
import zlib

from PIL import Image

PICTURES = (".jpg", ".jpeg", ".png", ".tga", ".webp", ".bmp", ".dds")
# Maps that are no pictures (normals, gloss, masks), by the suffixes games give them.
NO_PICTURE = re.compile(
    r"(_n|_nm|_norm|_normal|_gm|_gloss|_spec|_bump|_glow|_mask|_height|_sm)\.", re.I
)


def members(folder, patterns):
    """Yields (name, bytes) of each picture under folder whose relative path fits a pattern.

    A pattern 'archive!inner' looks inside archives; the name then has the form 'archive!inner'.
    """
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
        name = str(path.relative_to(folder))
        for pattern in patterns:
            outer, _, inner = pattern.partition("!")
            if not fnmatch.fnmatch(name, outer):
                continue
            if not inner:
                if name.lower().endswith(PICTURES) and not NO_PICTURE.search(name):
                    yield name, path.read_bytes
                continue
            inside = resource_pictures if name.endswith(".rcc") else zip_pictures
            for part, load in crop(path):
                if fnmatch.fnmatch(part, inner):
                    yield f"{name}!{part}", load


def zip_pictures(path):
    archive = zipfile.ZipFile(path)
    for part in sorted(archive.namelist()):
        if part.lower().endswith(PICTURES) and not NO_PICTURE.search(part):
            yield part, lambda part=part: archive.read(part)


def resource_pictures(path):
    """WebP pictures in a Qt resource file: plain, or after a size and a zlib stream."""
    data = path.read_bytes()
    for match in re.finditer(rb"RIFF(....)WEBP", data, re.S):
        start, size = match.start(), int.from_bytes(match[1], "little") + 8
        yield f"{start}.webp", lambda start=start, size=size: data[start : start + size]
    for match in re.finditer(rb"\x78[\x01\x9c\xda]", data):
        try:
            plain = zlib.decompressobj().decompress(data[match.start() :], 1 << 24)
        except zlib.error:
            continue
        if plain[8:12] == b"WEBP" or plain[:3] == b"\xff\xd8\xff":
            yield f"{match.start()}.webp", lambda plain=plain: plain


def decode(data):
    """RGB PIL picture of the file's bytes, or None when it has transparent parts or no decoder."""
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except Exception:  # game archives hold broken and exotic files: those are no training pictures
        return None
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        alpha = picture.convert("RGBA").getchannel("A")
        if alpha.getextrema()[0] < 250:
            return None
    return picture.convert("RGB")
