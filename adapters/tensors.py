"""Between SimpleITK images and the tensors of PyTorch backends; torch is imported when something is converted.

Tensor axes are in numpy's order, the reverse of ITK's; physical space stays ITK's (LPS, mm).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from adapters.coordinates import FloatArray, index_to_lps, lps_field_transform

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def image_tensor(image: sitk.Image, device: torch.device) -> Tensor:
    """Return a float32 copy of a scalar image, shape (1, 1, *spatial)."""
    import torch

    array = sitk.GetArrayFromImage(image).astype(np.float32)
    return torch.from_numpy(array)[None, None].to(device)


def tensor_index_to_lps(image: sitk.Image) -> Tensor:
    """Return the homogeneous matrix from tensor index to LPS millimetres, float64, on the CPU."""
    import torch

    matrix = index_to_lps(image)
    dimension = image.GetDimension()
    matrix[:dimension, :dimension] = matrix[:dimension, :dimension][:, ::-1].copy()
    return torch.from_numpy(matrix)


def voxel_field_transform(displacement: Tensor, grid: sitk.Image) -> sitk.DisplacementFieldTransform:
    """Turn a displacement in voxels into a transform.

    Parameters
    ----------
    displacement : Tensor
        Shape (dim, *spatial): components along the grid's axes, in tensor order.
    grid : SimpleITK.Image
        Its geometry is the field's.

    Returns
    -------
    SimpleITK.DisplacementFieldTransform
    """
    dimension = grid.GetDimension()
    voxels: FloatArray = np.moveaxis(displacement.detach().cpu().double().numpy(), 0, -1)
    linear = index_to_lps(grid)[:dimension, :dimension][:, ::-1]
    return lps_field_transform(sitk.GetImageFromArray(voxels @ linear.T, isVector=True), grid)
