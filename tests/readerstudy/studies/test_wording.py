"""No page shows a code of the protocol: every value that its form allows has words."""

import json
from pathlib import Path

import pytest

from readerstudy.studies import wording
from readerstudy.studies.models import CaseDuty, Draw, Patient
from readerstudy.studies.protocols import loading
from tests.factories.protocols import GAP, small_source

SCHEMA = json.loads(Path(loading.__file__).with_name("schema.json").read_text())["properties"]


def allowed(section, name):
    given = SCHEMA[section]["properties"][name]
    return given.get("enum") or given["items"]["enum"]


CODES = [
    *((wording.settled_by_words, code) for code in allowed("adjudication", "by")),
    *((wording.screened_by_words, code) for code in allowed("screening", "by")),
    *((wording.reference_words, code) for code in allowed("reference", "from")),
    *((wording.numbering_words, code) for code in allowed("numbering", "set_by")),
    *((wording.partition_words, code) for code in Patient.Partition.values if code),
    *((wording.duty_words, code) for code in CaseDuty.Duty.values),
    *((wording.draw_words, code) for code in Draw.Purpose.values),
    *((lambda code: wording.condition_words([code]), code) for code in allowed("reading", "conditions")),
    (lambda code: wording.modality_words([code]), "XR"),
]


@pytest.mark.parametrize(("words", "code"), CODES, ids=lambda value: value if isinstance(value, str) else "")
def test_every_code_has_words(words, code):
    known = {name for table in vars(wording).values() if isinstance(table, dict) for name in table}
    assert code in known
    assert words(code)
    assert not set("+_") & set(words(code))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("exact", "same grade"),
        ({"within": 1, "keep": "higher"}, "at most 1 grades apart; the higher one is kept"),
        ({"same-side": True, "keep": "lower"}, "same side of the cut; the lower one is kept"),
    ],
)
def test_rules_of_agreement_are_sentences(rule, words):
    document = loading.load_protocol(small_source(findings=("narrowing", GAP)))
    source = small_source(findings=({**document.content["findings"][0], "agreement": rule},))
    assert wording.agreement_words(loading.load_protocol(source).findings[0]) == words
    assert wording.agreement_words(document.findings[1]) == "at most 0.5 mm apart; the median is kept"
