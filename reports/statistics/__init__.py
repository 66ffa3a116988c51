"""What the numbers of a study carry: intervals, paired comparisons and ranks."""
