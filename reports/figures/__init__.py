"""Figures, drawn from records and kept slices."""
