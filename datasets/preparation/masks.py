"""Masks for images that come without one."""

from __future__ import annotations

import SimpleITK as sitk


def otsu_foreground(image: sitk.Image) -> sitk.Image:
    """Return the largest connected part above Otsu's threshold with its holes filled, as uint8 of 0 and 1.

    References
    ----------
    Otsu, N., "A threshold selection method from gray-level histograms", IEEE Transactions on Systems, Man, and
    Cybernetics 9(1), 1979.
    """
    bright = sitk.OtsuThreshold(image, 0, 1)
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(bright))
    return sitk.Cast(sitk.BinaryFillhole(parts == 1), sitk.sitkUInt8)
