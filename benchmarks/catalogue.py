"""The metrics that records may hold: title, unit, direction and how many digits are worth printing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["lower", "higher", "neither"]


@dataclass(frozen=True)
class Metric:
    """One number of a record.

    Attributes
    ----------
    name : str
        Key in the records.
    title : str
        Column heading, unit included.
    better : {"lower", "higher", "neither"}
        Which direction is an improvement.
    digits : int
        Decimals to print.
    """

    name: str
    title: str
    better: Direction
    digits: int


METRICS = {
    metric.name: metric
    for metric in (
        Metric("rmse", "RMSE", "lower", 4),
        Metric("rmse_full", "RMSE, full grid", "lower", 4),
        Metric("ncc", "NCC", "higher", 4),
        Metric("nmi", "NMI", "higher", 4),
        Metric("ssim", "SSIM", "higher", 4),
        Metric("dice", "Dice", "higher", 3),
        Metric("jaccard", "Jaccard", "higher", 3),
        Metric("target_overlap", "Target overlap", "higher", 3),
        Metric("false_negative", "False negative", "lower", 3),
        Metric("false_positive", "False positive", "lower", 3),
        Metric("volume_similarity", "Volume similarity", "neither", 3),
        Metric("dice_pooled", "Dice, pooled", "higher", 3),
        Metric("jaccard_pooled", "Jaccard, pooled", "higher", 3),
        Metric("target_overlap_pooled", "Target overlap, pooled", "higher", 3),
        Metric("hd95_mm", "HD95 (mm)", "lower", 2),
        Metric("assd_mm", "ASSD (mm)", "lower", 2),
        Metric("tre_mm", "TRE (mm)", "lower", 3),
        Metric("tre_p95_mm", "TRE, 95th percentile (mm)", "lower", 3),
        Metric("folding_fraction", "Folding fraction", "lower", 5),
        Metric("sd_log_jacobian", "sd log J", "lower", 3),
        Metric("min_jacobian", "min J", "higher", 3),
        Metric("inverse_consistency_mm", "Inverse consistency (mm)", "lower", 3),
        Metric("forward_s", "Forward (s)", "lower", 3),
        Metric("backward_s", "Backward (s)", "lower", 3),
        Metric("gradient_cosine", "Gradient cosine", "higher", 4),
        Metric("gradient_norm_ratio", "Gradient norm ratio", "neither", 3),
        Metric("prepare_s", "Prepare (s)", "lower", 3),
        Metric("peak_rss_mib", "Peak memory (MiB)", "lower", 0),
        Metric("peak_cuda_mib", "Peak CUDA memory (MiB)", "lower", 0),
    )
}
