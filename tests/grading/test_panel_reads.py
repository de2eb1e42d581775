"""The senior group reads by itself: majority, median or a named chair makes the reference."""

import pytest
from django.urls import reverse

from grading.answers import GivenAnswer
from grading.models import Discordance, Read, ReferenceGrade
from grading.panel_reads import decide
from grading.services.reading import ReadRefused, open_read, reopen_read
from readerstudy.studies.models import Assignment, CaseDuty
from readerstudy.studies.protocols.loading import ProtocolError, load_protocol
from readerstudy.studies.services.assignment import plan_assignment
from readerstudy.studies.services.errors import StudyRefused
from tests import factories
from tests.factories.protocols import GAP, small_source
from tests.grading.conftest import LATER, make_desk

PANEL = {"from": "panel-read", "decide": "majority", "quorum": 3}
SOURCE = small_source(adjudication={"by": "none"}, reference=PANEL)


@pytest.fixture
def desk(db):
    return make_desk(source=SOURCE, members=3)


def finding(kind="ordinal", **changes):
    names = {"ordinal": "narrowing", "binary": "cyst"}
    given = GAP if kind == "continuous" else names[kind]
    return load_protocol(small_source(findings=(given,))).findings[0]


def grade(n):
    return GivenAnswer(kind="grade", grade=n)


def value(x):
    return GivenAnswer(kind="value", value=x)


TYPED = GivenAnswer(kind="not_assessable", reason="artefact")


@pytest.mark.parametrize(
    ("rule", "answers", "expected"),
    [
        ({"decide": "majority"}, [grade(2), grade(1), grade(2)], (grade(2), False)),
        # Three ways apart: the middle one, marked.
        ({"decide": "majority"}, [grade(3), grade(0), grade(1)], (grade(1), True)),
        ({"decide": "majority", "chair": "P2"}, [grade(3), grade(0), grade(1)], (grade(0), True)),
        ({"decide": "majority", "chair": "P2"}, [grade(3), grade(0), grade(3)], (grade(3), False)),
        ({"decide": "majority"}, [TYPED, TYPED, grade(1)], (TYPED, False)),
        ({"decide": "majority"}, [TYPED, grade(1), grade(2)], (grade(1), True)),
        ({"decide": "median"}, [grade(3), grade(0), grade(2)], (grade(2), False)),
        ({"decide": "median"}, [grade(3), TYPED, grade(2)], (grade(2), False)),
        ({"decide": "median"}, [TYPED, TYPED, grade(2)], (TYPED, False)),
        ({"decide": "median"}, [grade(1), grade(2)], (grade(1), False)),
        ({"decide": "chair", "chair": "P3"}, [grade(1), grade(1), grade(0)], (grade(0), False)),
    ],
)
def test_the_rule_decides_an_item(rule, answers, expected):
    given = {f"P{n}": answer for n, answer in enumerate(answers, start=1)}
    decided = decide(finding(), given, rule)
    assert (decided.answer, decided.no_majority) == expected


def test_measured_values_have_a_middle():
    given = {"P1": value(1.0), "P2": value(1.6), "P3": value(5.0)}
    decided = decide(finding("continuous"), given, {"decide": "median"})
    assert (decided.answer.value, decided.no_majority) == (1.6, False)
    two = decide(finding("continuous"), {"P1": value(1.0), "P2": value(1.6)}, {"decide": "median"})
    assert two.answer.value == 1.3


def test_the_last_panel_read_makes_the_reference_and_readers_make_none(desk):
    desk.both_submitted(**{"L4-5-right|cyst": 0})
    assert not ReferenceGrade.objects.exists()
    assert not Discordance.objects.exists()
    desk.submitted(desk.panel[0], 1)
    desk.submitted(desk.panel[1], 0)
    assert not ReferenceGrade.objects.exists()
    desk.submitted(desk.panel[2], 1, **{"L4-5-left|cyst": 0})
    made = {
        row.structure: (row.grade, row.provenance, row.no_majority) for row in ReferenceGrade.objects.all()
    }
    assert made == {"L4-5-right": (1, "panel_read", False), "L4-5-left": (0, "panel_read", False)}


def test_a_panel_read_reopens_only_before_the_panel_has_decided(desk):
    first = desk.submitted(desk.panel[0], 1)
    again = reopen_read(read=first, reason="wrong side", actor=None, at=LATER)
    assert again.version == 2
    Read.objects.filter(pk=again.pk).update(state="submitted", submitted_at=LATER)
    desk.submitted(desk.panel[1], 1)
    last = desk.submitted(desk.panel[2], 1)
    assert ReferenceGrade.objects.count() == 2
    with pytest.raises(ReadRefused, match="made the reference"):
        reopen_read(read=last, reason="late", actor=None, at=LATER)


def test_members_read_on_the_reading_page_and_confirm_nothing(client, desk):
    member = desk.panel[0]
    client.force_login(member.user)
    page = lambda name, **place: client.get(reverse(name, kwargs=place))  # noqa: E731
    listed = page("grading:panel_list", slug=desk.study.slug)
    address = reverse("grading:read_case", kwargs={"assignment": member.public_id})
    assert address in listed.content.decode()
    assert page("grading:read_case", assignment=member.public_id).status_code == 200
    assert page("grading:confirm_case", assignment=member.public_id).status_code == 404
    confirm = reverse("api:panel-confirm", kwargs={"assignment": member.public_id})
    assert client.post(confirm, {}, content_type="application/json").status_code == 404
    # Another member's and a reader's case are not theirs.
    for other in (desk.panel[1], desk.first):
        assert page("grading:read_case", assignment=other.public_id).status_code == 404
    submit = reverse("api:read-submit", kwargs={"assignment": member.public_id})
    factories.rating(of=Read.objects.get(assignment=member), finding="cyst", structure="L4-5-right", grade=1)
    factories.rating(of=Read.objects.get(assignment=member), finding="cyst", structure="L4-5-left", grade=1)
    done = client.post(submit, {}, content_type="application/json")
    assert done.json() == {"next": f"/studies/{desk.study.slug}/panel/"}


def test_where_the_panel_confirms_a_member_does_not_read(client, make):
    desk = make()
    client.force_login(desk.panel[0].user)
    address = reverse("grading:read_case", kwargs={"assignment": desk.panel[0].public_id})
    assert client.get(address).status_code == 404


def test_every_member_is_assigned_every_case_to_read(desk):
    Assignment.objects.all().delete()
    CaseDuty.objects.all().delete()
    plan = plan_assignment(study=desk.study, seed=1)
    duties = [each.duty for each in plan.showings]
    assert (duties.count("panel"), duties.count("reader")) == (3, 2)
    missing = make_desk(source=small_source(adjudication={"by": "none"}, reference={**PANEL, "chair": "P9"}))
    Assignment.objects.filter(study=missing.study).delete()
    with pytest.raises(StudyRefused, match="3 members; the study has 1; the chair P9 is not a panel member"):
        plan_assignment(study=missing.study, seed=1)


def test_opening_a_read_is_pinned_like_any_other(desk):
    assert open_read(assignment=desk.panel[0], at=LATER).protocol == desk.study.protocols.get()


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({"decide": None}, "decide is missing"),
        ({"decide": "chair"}, "chair is missing"),
        ({"quorum": 2}, "an even panel needs a chair"),
        ({"from": "adjudicated"}, "is for a reference from panel-read"),
        ({"findings": ["cyst"]}, "is for an external reference"),
    ],
)
def test_a_protocol_of_panel_reads_is_checked(reference, message):
    given = {key: text for key, text in {**PANEL, **reference}.items() if text is not None}
    with pytest.raises(ProtocolError, match=message):
        load_protocol(small_source(adjudication={"by": "none"}, reference=given))
