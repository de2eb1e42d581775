"""
The reading page of a protocol before anybody reads: tried out with every key, and nothing of it leaves the browser.

No row is looked at or written: there is no read, no assignment and no case behind it.
"""

from django.utils.translation import get_language

from grading.blinding import BlindedCase, PageFrame, clinical_facts, display_words, protocol_words
from readerstudy.accounts.models import User
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.protocols.document import ProtocolDocument

NO_READ = "00000000-0000-0000-0000-000000000000"


def preview_case(*, study: ReaderStudy, document: ProtocolDocument, user: User) -> BlindedCase:
    """Return the page of a case without images under a protocol that may not be stored yet."""
    return BlindedCase(
        frame=PageFrame(
            title=document.title.in_language(get_language() or "en"),
            is_demonstration=study.is_demonstration,
            protocol_version=document.version,
            protocol_digest=f"{document.digest[:4]} {document.digest[4:8]}",
            person_code="",
            clinical=clinical_facts(document, {}),
        ),
        running_number=1,
        n_cases=1,
        n_submitted=0,
        condition="unaided",
        practice="preview",
        levels_numbered=document.numbering.get("set_by") == "doctor-before-reading",
        presentation=NO_READ,
        grading={
            **protocol_words(document),
            "is_preview": True,
            "read": NO_READ,
            "running_number": 1,
            "cells": {},
            "resume": {},
            "focused_seconds": 0,
            "idle_seconds": 0,
            "offline_key": "",
            "addresses": {"answers": "", "place": "", "submit": "", "worklist": ""},
        },
        viewer={
            **display_words(document),
            "laterality": "established",
            "series": [],
            "landmarks": [],
            "marks": [],
            "resume": {},
            "keymap": user.key_map.get("viewer", {}),
            "panel_keymap": user.key_map.get("panel", {}),
            "required": [],
            "language": get_language() or "en",
            "prefetch": None,
        },
    )
