"""Acts of analysis, by subject."""
