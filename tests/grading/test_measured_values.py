"""A measured value from the reader's field to the reference standard and the export's row."""

import pytest

from grading.acceptance import accept
from grading.answers import GivenAnswer
from grading.models import Discordance, Rating, ReferenceGrade
from grading.services.adjudication import BadAnswer, settle_item
from grading.services.panel import review_case
from grading.services.reading import open_read, submit_read
from grading.services.saving import save_answers
from readerstudy.studies.protocols.loading import ProtocolError, load_protocol
from tests import factories
from tests.factories.protocols import GAP, small_source
from tests.grading.conftest import AT, LATER, make_desk, saving

SOURCE = small_source(findings=("cyst", GAP))
ITEM = "L4-5-right|gap"


def value(number):
    return {"kind": "value", "value": number}


@pytest.fixture
def desk(db):
    return make_desk(source=SOURCE, members=1)


def submitted(assignment, gap):
    read = factories.read(
        of=assignment,
        grades={("L4-5-right", "cyst"): 0, ("L4-5-left", "cyst"): 0, ("L4-5-right", "gap"): value(gap)},
    )
    return submit_read(read_id=read.pk, at=AT)


def test_the_value_is_asked_only_where_the_protocol_asks_it(desk):
    assert [item.key for item in desk.document.items] == [
        ("L4-5-right", "cyst"),
        ("L4-5-right", "gap"),
        ("L4-5-left", "cyst"),
    ]
    read = open_read(assignment=desk.first, at=AT)
    results = save_answers(
        read_id=read.pk,
        answers=[
            saving(ITEM, value(1.7)),
            saving("L4-5-left|gap", value(1.7)),
            saving(ITEM, value(8.1)),
            saving(ITEM, value(True)),
            saving(ITEM, 1),
        ],
        at=LATER,
    )
    assert [each.status for each in results] == ["saved", "refused", "conflict", "conflict", "conflict"]
    base = results[0].key
    wrong = [
        saving(ITEM, given, base=base) for given in (value(8.1), value(True), value("2"), value(-0.1), 1)
    ]
    refused = save_answers(read_id=read.pk, answers=wrong, at=LATER)
    assert {each.status for each in refused} == {"refused"}
    assert "runs from 0 to 8 mm" in refused[0].message
    assert Rating.objects.get().value == 1.7


@pytest.mark.parametrize(
    ("keep", "values", "kept"),
    [
        ("lower", (1.3, 1.7), 1.3),
        ("higher", (1.3, 1.7), 1.7),
        ("median", (1.3, 1.7), 1.5),
        ("median", (1.3, 1.4, 1.8), 1.4),
        ("median", (10.3, 9.8), 10.05),
        ("median", (1.2, 1.8), None),
        ("lower", (1.2, 1.4, 1.8), None),
    ],
)
def test_values_within_the_rule_are_accepted_and_the_named_one_is_kept(keep, values, kept):
    source = small_source(findings=({**GAP, "maximum": 20, "agreement": {"within": 0.5, "keep": keep}},))
    finding = load_protocol(source).finding("gap")
    for answers in (values, values[::-1]):
        accepted = accept(finding, [GivenAnswer(kind="value", value=each) for each in answers])
        assert (accepted and accepted.answer.value) == kept


def test_a_value_against_a_typed_answer_is_discordant():
    finding = load_protocol(SOURCE).finding("gap")
    typed = GivenAnswer(kind="not_assessable", reason="artefact")
    assert accept(finding, [GivenAnswer(kind="value", value=1.0), typed]) is None
    assert accept(finding, [typed, GivenAnswer(kind="value", value=1.0)]) is None


def test_values_close_enough_make_the_reference(desk):
    submitted(desk.first, 1.3)
    submitted(desk.second, 1.7)
    reference = ReferenceGrade.objects.get(finding="gap")
    assert (reference.kind, reference.value, reference.provenance) == ("value", 1.5, "agreed_within_rule")


def test_values_apart_go_to_the_adjudicator_and_the_panel(desk):
    submitted(desk.first, 1.0)
    submitted(desk.second, 3.0)
    assert [each.finding for each in Discordance.objects.all()] == ["gap"]
    settle = {"assignment": desk.adjudicator, "structure": "L4-5-right", "finding": "gap", "at": LATER}
    with pytest.raises(BadAnswer, match="needs a reason"):
        settle_item(**settle, choice="own", given=value(2.5), reason_code="")
    settle_item(**settle, choice="own", given=value(2.5), reason_code="boundary")
    overruled = {"structure": "L4-5-right", "finding": "gap", **value(2.4), "reason_code": "other-slice"}
    review_case(assignment=desk.panel[0], overruled=[overruled], at=LATER)
    standing = ReferenceGrade.objects.get(finding="gap", superseded_at=None)
    assert (standing.value, standing.provenance, standing.basis) == (2.4, "overruled", "adjudicated")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"at": ["L9-9"]}, "no structure L9-9"),
        ({"agreement": {"same-side": True, "keep": "lower"}}, "has no cut"),
        ({"minimum": 9}, "above the minimum"),
        ({"measure": "volume"}, "allowed are length, angle, cobb, area"),
    ],
)
def test_a_protocol_of_a_measured_value_is_checked(changes, message):
    with pytest.raises(ProtocolError, match=message):
        load_protocol(small_source(findings=({**GAP, **changes},)))


def test_grades_lie_whole_numbers_apart():
    with pytest.raises(ProtocolError, match="whole numbers apart"):
        load_protocol(
            factories.facet_source(findings={"cyst": {"agreement": {"within": 0.5, "keep": "lower"}}})
        )
