"""
What a blinded person's page is told: frozen values of primitives, built from an explicit allow-list.

No model instance, no patient's tag, no case id and no other person's answer passes through here. The
keys of the JSON that these classes give are pinned by a test.
"""

from grading.blinding.clinical import ClinicalFact, clinical_facts
from grading.blinding.confirming import PanelCase, panel_case
from grading.blinding.frame import PageFrame, page_frame, worklist_address
from grading.blinding.images import images_ahead, viewer_words
from grading.blinding.protocol import display_words, language, protocol_words, words
from grading.blinding.reading import BlindedCase, blinded_case, offline_key
from grading.blinding.settling import BlindedItems, blinded_items, shown_answers, uncovered

__all__ = [
    "BlindedCase",
    "BlindedItems",
    "ClinicalFact",
    "PageFrame",
    "PanelCase",
    "blinded_case",
    "blinded_items",
    "clinical_facts",
    "display_words",
    "images_ahead",
    "language",
    "offline_key",
    "page_frame",
    "panel_case",
    "protocol_words",
    "shown_answers",
    "uncovered",
    "viewer_words",
    "words",
    "worklist_address",
]
