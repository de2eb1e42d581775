"""
What doctors answer: reads and ratings, discordances and their settlement, panel votes, the reference.

Every table that holds a decision is append-only: a later decision supersedes an earlier row and the
earlier row stays.
"""

from grading.models.answers import Answer, Kind
from grading.models.decisions import (
    Adjudication,
    CoveredGrade,
    Discordance,
    JointSession,
    PanelReview,
    PanelVote,
    SentBack,
)
from grading.models.marks import Mark, MarkDecision, MarkDiscordance, MarkedPlace, ReferenceMark
from grading.models.reads import Rating, RatingEntry, Read, UnseenImages
from grading.models.reference import CaseComparison, CaseConfirmation, ReferenceGrade

__all__ = [
    "Adjudication",
    "Answer",
    "CaseComparison",
    "CaseConfirmation",
    "CoveredGrade",
    "Discordance",
    "JointSession",
    "Kind",
    "Mark",
    "MarkDecision",
    "MarkDiscordance",
    "MarkedPlace",
    "PanelReview",
    "PanelVote",
    "Rating",
    "RatingEntry",
    "Read",
    "ReferenceGrade",
    "ReferenceMark",
    "SentBack",
    "UnseenImages",
]
