"""Localisation: marks with confidences, figures of merit, hit rules, precision and recall."""
