"""Comparison of paired readings: which of two readers (or a reader and a model) calls more items right."""
