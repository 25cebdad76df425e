# SPDX-License-Identifier: Apache-2.0
"""How much there is to win on a crop: its x4 bicubic round trip, its flat share, its structure."""

import cv2
import numpy as np
from PIL import Image

SCALE = 4


def luma(rgb):
    """BT.601 limited-range luma of u8 RGB [H, W, 3], float32 [H, W], as PSNR-Y is defined."""
    weights = np.array([65.481, 128.553, 24.966], np.float32) / 255
    return rgb.astype(np.float32) @ weights + 16


def round_trip_psnr(picture):
    """PSNR-Y in dB of a PIL RGB picture after x4 bicubic (a = -0.5, antialiased) down and up."""
    width, height = picture.size
    small = picture.resize((width // SCALE, height // SCALE), Image.BICUBIC)
    back = small.resize((width, height), Image.BICUBIC)
    error = luma(np.asarray(picture)) - luma(np.asarray(back))
    return 10 * np.log10(255**2 / max(float(np.mean(error**2)), 1e-6))


def flat_share(picture):
    """Share of 16x16 blocks whose luma hardly changes (standard deviation below 1.5)."""
    y = luma(np.asarray(picture))
    rows, columns = y.shape[0] // 16, y.shape[1] // 16
    blocks = y[: rows * 16, : columns * 16].reshape(rows, 16, columns, 16)
    return float(np.mean(blocks.std(axis=(1, 3)) < 1.5))


def coherence(picture):
    """(local, global) energy-weighted coherence of the structure tensor.

    Local: 0 noise to 1 straight edges. Global: 0 edges of all directions to 1 all run one way.
    """
    y = cv2.GaussianBlur(luma(np.asarray(picture)), (0, 0), 1.0)
    dx, dy = cv2.Sobel(y, -1, 1, 0), cv2.Sobel(y, -1, 0, 1)
    xx, yy, xy = (cv2.boxFilter(p, -1, (9, 9)) for p in (dx * dx, dy * dy, dx * dy))
    energy = max(float(np.sum(xx + yy)), 1e-6)
    local = float(np.sum(np.hypot(xx - yy, 2 * xy))) / energy
    return local, float(np.hypot(np.sum(xx - yy), 2 * np.sum(xy))) / energy


def is_normal_map(picture):
    """Whether the picture's mean colour is that of a surface normal pointing outwards."""
    red, green, blue = np.asarray(picture).reshape(-1, 3).mean(0)
    return blue > 190 and abs(red - 128) < 25 and abs(green - 128) < 25
