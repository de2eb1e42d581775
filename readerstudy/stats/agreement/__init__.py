"""Agreement between readers, and of a reader with himself."""
