"""Acts on models and runs, by subject."""
