"""Registration of one pair by coordinate networks, without training data."""
