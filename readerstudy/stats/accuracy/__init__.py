"""Accuracy of calls and grades against a reference standard."""
