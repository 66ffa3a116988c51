"""What a scanner does to intensities: contrast, bias field and noise."""

from __future__ import annotations

import numpy as np

from datasets.draws import random_field
from datasets.grid import Float32Array, FloatArray, Grid
from datasets.icbm152 import Anatomy
from datasets.recipes import Scanner

_BIAS_CONTROL_SPACING_MM = 90.0


def scan(anatomy: Anatomy, grid: Grid, scanner: Scanner, rng: np.random.Generator) -> FloatArray:
    """Return an image of the template.

    Parameters
    ----------
    anatomy : Anatomy
        The template at the grid's samples.
    grid : Grid
        Where the image is taken.
    scanner : Scanner
        How.
    rng : numpy.random.Generator
        Source of the bias field and of the noise.

    Returns
    -------
    ndarray of shape ``grid.shape``
    """
    signal = anatomy.t1 if scanner.contrast == "t1" else _inverted(anatomy)
    return scan_signal(signal, grid, scanner, rng)


def scan_signal(given: Float32Array, grid: Grid, scanner: Scanner, rng: np.random.Generator) -> FloatArray:
    """Return an image of a signal on a grid, whatever its contrast; see :func:`scan`."""
    signal: FloatArray = given.astype(np.float64)
    if scanner.gamma != 1.0:
        signal = signal**scanner.gamma
    if scanner.bias:
        signal = signal * bias_field(grid, scanner.bias, rng)
    if scanner.noise:
        signal = rician(signal, scanner.noise, rng)
    return signal


def bias_field(grid: Grid, strength: float, rng: np.random.Generator) -> FloatArray:
    """Return a smooth positive field that reaches 1 + ``strength`` or 1 − ``strength``."""
    field = random_field(rng, grid, _BIAS_CONTROL_SPACING_MM, components=1)
    values = grid.sample(field, step=4)[..., 0]
    largest = float(np.abs(values).max())
    return 1.0 + strength / largest * values


def rician(signal: FloatArray, sigma: float, rng: np.random.Generator) -> FloatArray:
    """Return the magnitude of a signal with complex Gaussian noise (Gudbjartsson and Patz 1995, eq. 1)."""
    real = signal + sigma * rng.standard_normal(signal.shape)
    imaginary = sigma * rng.standard_normal(signal.shape)
    return np.sqrt(real**2 + imaginary**2)


def _inverted(anatomy: Anatomy) -> Float32Array:
    # Air stays dark, so that the relation to T1 is not monotonic and neither SSD nor correlation can fit it.
    return np.clip(anatomy.brain - 0.85 * anatomy.t1, 0.0, 1.0)
