# SPDX-License-Identifier: Apache-2.0
"""Writes pil_bicubic.h: pictures resized by Pillow's BICUBIC in its float mode, which does not
round between the passes. Run as: python3 pil_bicubic.py > pil_bicubic.h (made with Pillow 13.0.0)."""
import random

from PIL import Image

CASES = [  # width and height, before and after
    ((5, 4), (13, 9)),    # larger by a ratio that is no integer
    ((6, 3), (24, 12)),   # four times as large
    ((19, 11), (4, 3)),   # smaller: the filter widens
    ((9, 8), (3, 20)),    # smaller and larger
    ((1, 2), (7, 5)),     # fewer samples than taps
]


def array(values):
    return '{' + ', '.join(f'{value:.8g}' for value in values) + '}'


def main():
    random.seed(1)
    print('// Made by pil_bicubic.py; do not edit.\n#pragma once\n\n#include <vector>\n')
    print('struct PilBicubic {\n    int in_width, in_height, out_width, out_height;')
    print('    std::vector<float> in, out;\n};\n\n// clang-format off')
    print('inline const std::vector<PilBicubic> kPilBicubic = {')
    for before, after in CASES:
        picture = Image.new('F', before)
        picture.putdata([random.randrange(256) / 256 for _ in range(before[0] * before[1])])
        resized = picture.resize(after, Image.Resampling.BICUBIC)
        print(f'    {{{before[0]}, {before[1]}, {after[0]}, {after[1]},')
        data = [list(p.get_flattened_data()) for p in (picture, resized)]
        print(f'     {array(data[0])},\n     {array(data[1])}}},')
    print('};\n// clang-format on')


main()
