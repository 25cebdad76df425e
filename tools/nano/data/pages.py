# SPDX-License-Identifier: Apache-2.0
"""Renders pages of text and line art: sharp edges at all angles, which photographs are short of."""

import math
import random

from PIL import Image, ImageDraw, ImageFont

SIDE = 512
OVERSAMPLE = 3
WORDS = (
    "light water stone river window morning paper garden letter number bridge silver forest market "
    "signal winter engine camera street the of and a in to is for 1984 2/3 50% (see) Fig. No. §7 "
    "– & @ Straße café naïve Σ λ → "
    "ДОМ вода свет Αθήνα STOP EXIT TAXI HOTEL 12:45 km/h"
).split()


def colours(rng):
    """Ink and ground, far enough apart to read."""
    while True:
        ink, ground = (tuple(rng.randrange(256) for _ in range(3)) for _ in range(2))
        if abs(sum(ink) - sum(ground)) > 240:
            return ink, ground


def lines_of_text(draw, rng, fonts, ink, size):
    y = rng.randrange(-10, 20) * OVERSAMPLE
    while y < size:
        font = ImageFont.truetype(
            str(rng.choice(fonts)), rng.choice((10, 12, 13, 14, 16, 20, 28, 44)) * OVERSAMPLE
        )
        text = " ".join(rng.choice(WORDS) for _ in range(40))
        draw.text((rng.randrange(-40, 20) * OVERSAMPLE, y), text, font=font, fill=ink)
        y += int(font.size * rng.uniform(1.15, 1.5))


def line_art(draw, rng, ink, size):
    for _ in range(rng.randrange(10, 22)):
        x, y, r = rng.randrange(size), rng.randrange(size), rng.randrange(size // 20, size // 3)
        width = rng.choice((1, 1, 2, 3, 5)) * OVERSAMPLE
        kind = rng.randrange(4)
        if kind == 0:
            draw.ellipse(
                (x - r, y - r, x + r, y + r * rng.uniform(0.3, 1)), outline=ink, width=width
            )
        elif kind == 1:  # hatching
            angle, step = rng.uniform(0, math.pi), rng.choice((5, 6, 8, 12)) * OVERSAMPLE
            for k in range(-r, r, step):
                cx, cy = x - k * math.sin(angle), y + k * math.cos(angle)
                dx, dy = r * math.cos(angle), r * math.sin(angle)
                draw.line((cx - dx, cy - dy, cx + dx, cy + dy), fill=ink, width=width)
        elif kind == 2:  # a fan of rays
            for k in range(rng.randrange(8, 40)):
                angle = k * 0.13
                draw.line(
                    (x, y, x + r * math.cos(angle), y + r * math.sin(angle)), fill=ink, width=width
                )
        else:
            corners = [
                (x + rng.randrange(-r, r), y + rng.randrange(-r, r))
                for _ in range(rng.randrange(3, 7))
            ]
            draw.polygon(corners, fill=tuple(rng.randrange(256) for _ in range(3)), outline=ink)


def make(root, count):
    """Yields count RGB pages of SIDE x SIDE, the same each time."""
    fonts = sorted(p for p in root.glob("fonts-*/**/*.ttf"))
    for number in range(count):
        rng = random.Random(number)
        ink, ground = colours(rng)
        size = SIDE * OVERSAMPLE * 3 // 2
        page = Image.new("RGB", (size, size), ground)
        draw = ImageDraw.Draw(page)
        if number % 3:
            lines_of_text(draw, rng, fonts, ink, size)
        if number % 3 != 1:
            line_art(draw, rng, ink, size)
        page = page.rotate(rng.choice((0, 0, rng.uniform(-30, 30))), Image.BICUBIC)
        cut = (size - SIDE * OVERSAMPLE) // 2
        page = page.crop((cut, cut, size - cut, size - cut))
        yield page.resize((SIDE, SIDE), Image.LANCZOS)
