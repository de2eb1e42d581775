"""Simulated doctors and a simulated model."""

from readerstudy.phantom.readers.grades import (
    JUNIOR_READERS,
    SENIOR_READERS,
    Answer,
    ReaderModel,
    draw_severity,
    simulate_reads,
)
from readerstudy.phantom.readers.marks import Mark, MarkModel, simulate_marks
from readerstudy.phantom.readers.model import ScoreModel, simulate_scores

__all__ = [
    "JUNIOR_READERS",
    "SENIOR_READERS",
    "Answer",
    "Mark",
    "MarkModel",
    "ReaderModel",
    "ScoreModel",
    "draw_severity",
    "simulate_marks",
    "simulate_reads",
    "simulate_scores",
]
