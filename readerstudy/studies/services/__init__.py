"""Acts on studies, by subject."""
