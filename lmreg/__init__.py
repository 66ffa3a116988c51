"""Differentiable nonlinear least-squares image registration."""

from lmreg.adjoint import Adjoint, Implicit, SingularHessianWarning, Truncated, UnconvergedWarning, Unroll
from lmreg.diffeomorphic import Diffeomorphic
from lmreg.grid import Grid
from lmreg.levenberg_marquardt import Status
from lmreg.lncc import LNCC
from lmreg.mind import MIND
from lmreg.ncc import NCC
from lmreg.registration import register
from lmreg.result import Result
from lmreg.robust import Huber
from lmreg.similarity import SSD, Similarity
from lmreg.warping import warp

__all__ = [
    "LNCC",
    "MIND",
    "NCC",
    "SSD",
    "Adjoint",
    "Diffeomorphic",
    "Grid",
    "Huber",
    "Implicit",
    "Result",
    "Similarity",
    "SingularHessianWarning",
    "Status",
    "Truncated",
    "UnconvergedWarning",
    "Unroll",
    "register",
    "warp",
]
