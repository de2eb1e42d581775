"""
Two worlds that differ in one secret give a blinded person the same bytes.

The same recorded requests are made before and after the secret changes, everything else held: the
clock, the token against forged forms and the random source are fixed here, and nothing is masked.
"""

import datetime
import itertools
import json

import pytest
from django.db import transaction
from django.urls import reverse

from grading.models import Adjudication, Discordance, PanelVote, Rating, Read, ReferenceGrade
from inference.models import Prediction
from readerstudy.studies.models import Assignment, ReleasedAid
from tests import factories
from tests.complete_studies import two_complete_studies
from tests.factories.protocols import LESION, small_source
from tests.grading.conftest import make_desk
from tests.tampering import without_append_only


@pytest.fixture
def still(db, monkeypatch, settings):
    """A world without time and chance."""
    from django.middleware import csrf

    fixed = datetime.datetime(2026, 3, 3, 9, 0, tzinfo=datetime.UTC)
    monkeypatch.setattr("django.utils.timezone.now", lambda: fixed)
    # Secret and mask of the forms' token.
    monkeypatch.setattr(csrf, "get_random_string", lambda n, allowed_chars="": "a" * n)
    settings.SESSION_SAVE_EVERY_REQUEST = False


@pytest.fixture
def world(still):
    """Two studies in that world."""
    one = two_complete_studies().one
    # A later session of the reader's own: one aid is released, one is not.
    for state in ("in_progress", "unread"):
        later = factories.assignment(
            of=one.cases[state], person=one.people["first_reader"], condition="aided", session=2
        )
        if state == "in_progress":
            factories.released_aid(assignment=later)
    return one


def requests_of(one, role):
    """Return what a person of that role asks while working: pages, saves, and what is not theirs."""
    pages = {
        "first_reader": [
            one.page("grading:worklist"),
            one.page("grading:read_case", "first_reader", "in_progress"),
            one.page("grading:read_case", "second_reader", "in_progress"),
            one.page("grading:overview"),
            one.page("studies:cases"),
            one.page("analysis:results"),
        ],
        "adjudicator": [
            one.page("grading:adjudication_list"),
            one.page("grading:adjudicate_case", "adjudicator", "disputed"),
            one.page("grading:worklist"),
        ],
        "panel_member": [
            one.page("grading:panel_list"),
            one.page("grading:confirm_case", "panel_member", "to_confirm"),
            one.page("grading:adjudication_list"),
        ],
    }[role]
    calls = []
    if role == "first_reader":
        save = {
            "key": "6c4f6f5e-5b1a-4c0e-9a38-0d3a8d6f1c11",
            "structure": "L5-S1-left",
            "finding": "cyst",
            "base": "",
            "kind": "grade",
            "grade": 1,
        }
        calls = [
            ("api:read-answers", {"answers": [save]}),
            ("api:read-submit", {"reason": "not-loading"}),
        ]
    return pages, calls


def replay(client, one, role):
    """Return every answer, status, headers and body, of the recorded requests."""
    pages, calls = requests_of(one, role)
    client.cookies.clear()
    answers = []
    with transaction.atomic():
        client.force_login(one.people[role])
        # The name of the session differs from sign-in to sign-in; the answers may not.
        for address in pages:
            answers.append(client.get(address))
        for name, body in calls:
            address = reverse(name, kwargs={"assignment": one.assignment(role, "in_progress").public_id})
            answers.append(client.post(address, json.dumps(body), content_type="application/json"))
        transaction.set_rollback(True)
    return [(each.status_code, sorted(each.headers.items()), each.content) for each in answers]


def other_readers_grades(one):
    for row in Rating.objects.filter(read__assignment=one.assignment("second_reader", "in_progress")):
        Rating.objects.filter(pk=row.pk).update(grade=0, note="quite another remark")


def adjudication(one):
    for row in Adjudication.objects.all():
        Adjudication.objects.filter(pk=row.pk).update(grade=0 if row.grade else 1, reason_code="boundary")


def reference(one):
    ReferenceGrade.objects.filter(kind="grade").update(grade=0)
    PanelVote.objects.all().delete()


def model_output(one):
    from inference.models import InferenceRun, ModelVersion, StudyRun

    model = ModelVersion.objects.create(
        digest="ab" * 32, name="m", version="1", manifest={}, is_synthetic=True, registered_at=factories.AT
    )
    started = StudyRun.objects.create(study=one.study, model=model, number=1, started_at=factories.AT)
    for case in one.cases.values():
        run = InferenceRun.objects.create(
            study_run=started, case=case, model=model, input_key=case.public_id.hex, state="done",
            finished_at=factories.AT,
        )  # fmt: skip
        Prediction.objects.create(run=run, structure="L4-5-right", finding="cyst", probabilities=[0.2, 0.8])


def others_progress(one):
    """The partner's read of the case at hand is there or not."""
    Rating.objects.filter(read__assignment=one.assignment("second_reader", "in_progress")).delete()


def audit_flags(one):
    """Which items of the disputed case were agreed and sent along unmarked."""
    Discordance.objects.filter(case=one.cases["disputed"], finding="cyst").update(is_audit=True)


def repeat_flag(one):
    """Whether somebody else was given a repeat of the same case."""
    old = one.assignment("second_reader", "in_progress")
    factories.assignment(of=old.case, person=old.user, occasion=2, position=90, running_number=90)


def own_repeat_flag(one):
    """Whether what the reader has on the screen is a repeat of a case seen before."""
    Assignment.objects.filter(pk=one.assignment("first_reader", "in_progress").pk).update(occasion=2)


def another_readers_aid(one):
    """Whether somebody else reads with an aid, and what it says."""
    later = factories.assignment(
        of=one.cases["in_progress"], person=one.people["second_reader"], condition="aided", session=2
    )
    factories.released_aid(
        assignment=later, payload={"L4-5-right|cyst": {"grade": 0, "probabilities": [0.6, 0.4]}}
    )


def aid_of_a_session_to_come(one):
    """What the aid of the reader's own later session says, of which model, and whether it was released."""
    for row in ReleasedAid.objects.filter(assignment__user=one.people["first_reader"]):
        ReleasedAid.objects.filter(pk=row.pk).update(
            payload={"L4-5-right|cyst": {"grade": 0, "probabilities": [0.97, 0.03]}}, model_digest="b" * 64
        )
    factories.released_aid(
        assignment=Assignment.objects.get(
            user=one.people["first_reader"], condition="aided", released_aid__isnull=True
        )
    )


SECRETS = {
    "first_reader": [
        another_readers_aid,
        aid_of_a_session_to_come,
        own_repeat_flag,
        other_readers_grades,
        adjudication,
        reference,
        model_output,
        others_progress,
        repeat_flag,
        audit_flags,
    ],
    "adjudicator": [model_output, audit_flags, repeat_flag, others_progress, reference],
    "panel_member": [model_output, audit_flags, repeat_flag, others_progress],
}


@pytest.mark.parametrize(
    ("role", "secret"),
    list(
        itertools.chain.from_iterable(((role, each) for each in secrets) for role, secrets in SECRETS.items())
    ),
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_secret_changes_no_byte(client, world, role, secret):
    before = replay(client, world, role)
    assert before == replay(client, world, role), "the world of this test is not still"
    with without_append_only():
        secret(world)
    assert replay(client, world, role) == before


def test_the_replay_sees_what_is_ones_own(client, world):
    """A change that the person may see is seen: the comparison is no mere form."""
    before = replay(client, world, "first_reader")
    Rating.objects.filter(
        read__assignment=world.assignment("first_reader", "in_progress"), finding="cyst"
    ).update(grade=0)
    assert replay(client, world, "first_reader") != before


@pytest.fixture
def marked(still):
    """Lesions are marked here, and nothing else is asked: both readers have begun, only the second has marked."""
    source = small_source(
        findings=(),
        marks=[LESION],
        adjudication={"audit_fraction": 0, "third_read_first": False},
        case_questions=None,
    )
    desk = make_desk(source=source)
    factories.read(of=desk.first)
    second = factories.read(of=desk.second)
    factories.mark(of=second)
    return desk


def marks_gone(read):
    read.marks.all().delete()


def marks_of_another_class(read):
    read.marks.update(mark_class="herniation", confidence=3)


def more_marks(read):
    for _ in range(3):
        factories.mark(of=read)


def marks_submitted(read):
    Read.objects.filter(pk=read.pk).update(state="submitted", submitted_at=factories.AT)


@pytest.mark.parametrize("secret", [marks_gone, marks_of_another_class, more_marks, marks_submitted])
def test_another_readers_marks_change_no_byte(client, marked, secret):
    place = {"assignment": marked.first.public_id}
    pages = [
        reverse("grading:worklist", kwargs={"slug": marked.study.slug}),
        reverse("grading:read_case", kwargs=place),
        reverse("grading:adjudication_list", kwargs={"slug": marked.study.slug}),
    ]

    def told():
        client.cookies.clear()
        with transaction.atomic():
            client.force_login(marked.first_reader)
            answers = [client.get(address) for address in pages]
            bad = {
                "key": "6c4f6f5e-5b1a-4c0e-9a38-0d3a8d6f1c12",
                "structure": "@",
                "finding": "x",
                "base": "",
            }
            answers.append(
                client.post(reverse("api:read-answers", kwargs=place), {"answers": [bad]}, "application/json")
            )
            transaction.set_rollback(True)
        return [(each.status_code, sorted(each.headers.items()), each.content) for each in answers]

    before = told()
    assert before == told(), "the world of this test is not still"
    assert before[1][0] == 200
    with without_append_only():
        secret(Read.objects.get(assignment=marked.second))
    assert told() == before
