"""Rigid, similarity and affine registration by Adam, and its backward pass through the steps."""
