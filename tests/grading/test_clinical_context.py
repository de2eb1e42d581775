"""Beside the images stand the clinical data that the protocol names, and no other."""

import re

import pytest
import yaml
from django.urls import reverse

from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import Case
from readerstudy.studies.opening import opening_of
from readerstudy.studies.protocols.loading import ProtocolError, load_protocol
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.naming import Stated, state_case
from readerstudy.studies.services.studies import amend_protocol
from tests import factories
from tests.factories.protocols import AGE, SEX, small_source
from tests.grading.conftest import make_desk

pytestmark = pytest.mark.django_db
BOTH = {"clinical_context": [AGE, SEX]}
KNOWN = {"age": "63", "sex": "F", "pathology": "secret-pathology", "pain": "secret-pain"}


def line_of(client, name, showing):
    """Return what the line beside the images says: (label, value) one after another."""
    page = client.get(reverse(name, kwargs={"assignment": showing.public_id}))
    assert page.status_code == 200
    text = page.content.decode()
    assert "secret" not in text
    pairs = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text)
    return [(label, re.sub("<.*?>", "", value)) for label, value in pairs]


def with_clinical(desk, **known):
    Case.objects.filter(pk=desk.case.pk).update(clinical=known)
    return desk


def signed_in(client, showing, language="en"):
    showing.user.language = language
    showing.user.save()
    client.force_login(showing.user)
    return client


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", [("Age", "63 years"), ("Sex", "female")]),
        ("zh-hans", [("年龄", "63 岁"), ("性别", "女")]),
    ],
)
def test_every_page_with_images_says_them_in_its_language(client, language, said):
    desk = with_clinical(make_desk(source=small_source(reading=BOTH)), **KNOWN)
    assert line_of(signed_in(client, desk.first, language), "grading:read_case", desk.first) == said
    desk = with_clinical(make_desk(source=small_source(reading=BOTH)), **KNOWN)
    cyst = "|".join(desk.document.items[0].key)
    desk.both_submitted(**{cyst: 0})
    shown = line_of(
        signed_in(client, desk.adjudicator, language), "grading:adjudicate_case", desk.adjudicator
    )
    assert shown == said


def test_the_panel_and_two_readers_together_see_them(client):
    said = [("Age", "63 years"), ("Sex", "female")]
    desk = with_clinical(make_desk(source=small_source(reading=BOTH)), **KNOWN)
    desk.both_submitted()
    member = desk.panel[0]
    assert line_of(signed_in(client, member), "grading:confirm_case", member) == said
    source = small_source(reading=BOTH, adjudication={"by": "joint"}, reference={"from": "adjudicated"})
    desk = with_clinical(make_desk(source=source), **KNOWN)
    desk.submitted(desk.first, 0)
    desk.submitted(desk.second, 1)
    beside = {"username": desk.second_reader.username, "password": factories.PASSWORD}
    signed_in(client, desk.first).post(
        reverse("grading:joint_list", kwargs={"slug": desk.study.slug}), beside
    )
    assert line_of(client, "grading:joint_case", desk.first) == said


def test_a_protocol_that_names_none_shows_no_line(client):
    desk = with_clinical(make_desk(source=small_source()), **KNOWN)
    page = signed_in(client, desk.first).get(f"/read/{desk.first.public_id}/").content.decode()
    assert "clinical-line" not in page
    assert "secret" not in page


@pytest.mark.parametrize(
    "known",
    [{}, {"age": "secret", "sex": "secret"}, {"age": "6_3", "sex": "f"}, {"age": "630", "sex": ""},
     {"age": "nan", "sex": "FF"}, {"age": "１２", "sex": "F M"}],
)  # fmt: skip
def test_what_is_missing_or_not_allowed_is_not_stated(client, known):
    desk = with_clinical(make_desk(source=small_source(reading=BOTH)), **known)
    said = line_of(signed_in(client, desk.first), "grading:read_case", desk.first)
    assert said == [("Age", "not stated"), ("Sex", "not stated")]


def test_the_preview_shows_the_line_without_a_case(client):
    study = factories.reader_study(slug="mine", state="draft")
    client.force_login(factories.study_role("coordinator", study=study).user)
    source = small_source(reading=BOTH)
    answer = client.post(reverse("grading:preview", kwargs={"slug": "mine"}), {"source": source})
    assert answer.content.decode().count("not stated") == 2


def amended(study, **reading):
    content = yaml.safe_load(study.protocols.order_by("-version")[0].source)
    content["version"] += 1
    content["reading"].update(reading)
    return amend_protocol(
        study=study,
        source=yaml.safe_dump(content, allow_unicode=True),
        reason="age and sex belong to the question",
        actor=None,
        at=factories.AT,
    )


def test_an_amendment_holds_for_reads_that_begin_after_it(client):
    desk = with_clinical(make_desk(source=small_source()), **KNOWN)
    assert line_of(signed_in(client, desk.first), "grading:read_case", desk.first) == []
    amended(desk.study, **BOTH)
    assert line_of(client, "grading:read_case", desk.first) == [], (
        "a read stays with the version it began under"
    )
    said = line_of(signed_in(client, desk.second), "grading:read_case", desk.second)
    assert said == [("Age", "63 years"), ("Sex", "female")]


def test_an_open_study_is_not_amended_to_show_what_no_case_has():
    desk = with_clinical(make_desk(source=small_source()), sex="F")
    with pytest.raises(StudyRefused, match=r"no case has the clinical value age"):
        amended(desk.study, **BOTH)
    assert desk.study.protocols.count() == 1
    amended(desk.study, clinical_context=[SEX])


def test_what_readers_see_stands_once_a_case_is_assigned():
    desk = with_clinical(make_desk(source=small_source(reading={"clinical_context": [AGE]})), age="63")
    names = {"case": desk.case.pseudonym, "patient": desk.case.patient.pseudonym}
    desk.case.refresh_from_db()

    def state(**clinical):
        stated = Stated(**names, clinical=clinical)
        state_case(case=desk.case, stated=stated, source="t.csv", actor=None, at=factories.AT)

    with pytest.raises(StudyRefused, match="assigned already"):
        state(age="64")
    desk.case.refresh_from_db()
    assert desk.case.clinical == {"age": "63"}
    # The same once more is no change, and what nobody sees may still come.
    state(age="63", pain="7")
    desk.case.refresh_from_db()
    assert desk.case.clinical == {"age": "63", "pain": "7"}
    assert AuditEvent.objects.filter(event="studies.case.stated").count() == 1


def test_opening_counts_the_cases_that_have_the_value():
    study = factories.reader_study(state="draft", source=small_source(reading=BOTH))
    for known in (KNOWN, {"age": "very old"}, {}):
        case = factories.case(study=study)
        Case.objects.filter(pk=case.pk).update(clinical=known)
    told = {each.label: (each.have, each.wanted) for each in opening_of(study).facts}
    assert told["Clinical data shown to readers: Age"] == (1, 3)
    assert told["Clinical data shown to readers: Sex"] == (1, 3)


@pytest.mark.parametrize(
    ("role", "name"), [("reader", "grading:charter"), ("coordinator", "studies:protocol")]
)
def test_charter_and_protocol_page_name_them(client, role, name):
    study = factories.reader_study(slug="mine", source=small_source(reading=BOTH))
    client.force_login(factories.study_role(role, study=study).user)
    page = client.get(reverse(name, kwargs={"slug": "mine"})).content.decode()
    assert "Age: numbers from 0 to 120 (years); Sex: F (female), M (male)" in page


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "pathology"}, "the reference standard, a diagnosis or a result is never shown"),
        (
            {"id": "x", "label": "Pathology report"},
            "the reference standard, a diagnosis or a result is never shown",
        ),
        ({"id": "cyst"}, "tells what the study asks"),
        ({"id": "birth_date"}, "who, where or when"),
        ({"id": "patient_name"}, "who, where or when"),
        ({"id": "Age"}, "small letters"),
        ({"id": "partition"}, "of the study's own making"),
        ({"maximum": 99_999_999}, "within -99999 and 99999"),
    ],
)
def test_what_may_never_be_shown_is_refused_at_its_line(changes, said):
    source = small_source(reading={"clinical_context": [AGE | changes]})
    with pytest.raises(ProtocolError, match=said) as caught:
        load_protocol(source)
    [problem] = caught.value.problems
    assert problem.place.startswith("reading.clinical_context[1]")
    key = next(iter(changes)) if "maximum" in changes else "id"
    assert source.splitlines()[problem.line - 1].strip().removeprefix("- ").startswith(f"{key}:")


@pytest.mark.parametrize("name", ["age", "years_of_pain", "bmi", "arm_pain_side", "oswestry_score", "smoker"])
def test_ordinary_clinical_data_may_be_shown(name):
    assert load_protocol(small_source(reading={"clinical_context": [AGE | {"id": name}]})).clinical_context
