"""
A reader study, its people, its protocol, its cases and who reads which of them in what order.

`studies` stores what was decided before reading, and what happens beside it. It holds no grade, no prediction
and no result.
"""

from readerstudy.studies.models.coordination import (
    AccidentalUnblinding,
    CharterAcknowledgement,
    Deviation,
    Invitation,
    ReaderQuery,
    ReadingSession,
)
from readerstudy.studies.models.practice import PracticeCase, PracticeTry
from readerstudy.studies.models.study import (
    BLINDED_ROLES,
    SCREENING_ROLES,
    UNBLINDED_ROLES,
    Assignment,
    Case,
    CaseDuty,
    Centre,
    Draw,
    Landmark,
    Patient,
    Protocol,
    ReaderStudy,
    ReleasedAid,
    Signature,
    StudyRole,
)

__all__ = [
    "BLINDED_ROLES",
    "SCREENING_ROLES",
    "UNBLINDED_ROLES",
    "AccidentalUnblinding",
    "Assignment",
    "Case",
    "CaseDuty",
    "Centre",
    "CharterAcknowledgement",
    "Deviation",
    "Draw",
    "Invitation",
    "Landmark",
    "Patient",
    "PracticeCase",
    "PracticeTry",
    "Protocol",
    "ReaderQuery",
    "ReaderStudy",
    "ReadingSession",
    "ReleasedAid",
    "Signature",
    "StudyRole",
]
