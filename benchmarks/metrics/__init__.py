"""Metrics as plain functions of arrays. What is undefined is None, never NaN and never 0."""
