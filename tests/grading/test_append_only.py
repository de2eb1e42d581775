"""The database itself keeps decisions: raw SQL that changes or removes one fails, after all migrations."""

import itertools

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from grading.models import (
    Adjudication,
    CaseComparison,
    CaseConfirmation,
    CoveredGrade,
    Discordance,
    JointSession,
    Mark,
    MarkDecision,
    MarkDiscordance,
    PanelReview,
    PanelVote,
    Rating,
    RatingEntry,
    Read,
    ReferenceGrade,
    ReferenceMark,
    SentBack,
    UnseenImages,
)
from grading.services.adjudication import settle_item
from grading.services.panel import review_case
from grading.services.reading import open_read, submit_read
from tests import factories
from tests.grading.conftest import AT, LATER, make_desk

pytestmark = pytest.mark.both_databases

DECISIONS = [
    Read,
    Rating,
    RatingEntry,
    Discordance,
    CoveredGrade,
    Adjudication,
    PanelReview,
    PanelVote,
    ReferenceGrade,
    CaseComparison,
    CaseConfirmation,
    JointSession,
    Mark,
    MarkDiscordance,
    MarkDecision,
    ReferenceMark,
    SentBack,
    UnseenImages,
]
# What a later decision may set on an earlier row, and where the next one may be written.
SET_LATER = {
    Read: {"superseded_at"},
    Discordance: {"sent_back_at"},
    Adjudication: {"superseded_at"},
    ReferenceGrade: {"superseded_at"},
    JointSession: {"ended_at"},
    MarkDecision: {"superseded_at"},
    ReferenceMark: {"superseded_at"},
}


@pytest.fixture
def decided(db):
    """A case with a row in every table that holds a decision."""
    desk = make_desk(adjudication={"third_read_first": True})
    answers = factories.all_grades(desk.document, 1)
    first = factories.read(of=desk.first, grades=answers)
    factories.rating_entry(of=first)
    mark = factories.mark(of=first)
    factories.unseen_images(of=first)
    submit_read(read_id=first.pk, at=AT)
    desk.submitted(desk.second, **{"L4-5-right|narrowing": 3})
    own = {"kind": "grade", "grade": 2}
    settle_item(
        assignment=desk.adjudicator,
        structure="L4-5-right",
        finding="narrowing",
        choice="A",
        given=None,
        covered=own,
        reason_code="",
        at=AT,
    )
    overruled = {"structure": "L4-5-right", "finding": "narrowing", "reason_code": "boundary", **own}
    review_case(assignment=desk.panel[0], overruled=[overruled], at=AT)
    disputed = factories.mark_discordance(of=desk.case, order=[mark.pk, None])
    decision = factories.mark_decision(of=disputed, by=desk.adjudicator, kept_mark=mark, mark_class="bulge")
    SentBack.objects.create(
        mark_decision=decision, assignment=desk.panel[0], reason_code="boundary", sent_at=AT
    )
    factories.reference_mark(of=desk.case)
    factories.joint_session(study=desk.study, first=desk.first_reader, second=desk.second_reader)
    return desk


def refused(sql, *values):
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, values)


def other_value(column, value):
    """Return an expression that differs from what a row holds."""
    kind = column.get_internal_type()
    if kind in {"CharField", "TextField"}:
        return "'changed'"
    if kind == "UUIDField":
        return (
            "'00000000-0000-0000-0000-000000000001'"
            if connection.vendor == "postgresql"
            else "'" + "1" * 32 + "'"
        )
    if kind == "JSONField":
        return "'{\"changed\": 1}'"
    if kind == "BooleanField":
        return "FALSE" if value else "TRUE"
    if kind == "DateTimeField":
        return "'2001-01-01 00:00:00'" + ("::timestamptz" if connection.vendor == "postgresql" else "")
    return f"{(value or 0) + 1000}"


@pytest.mark.parametrize("model", DECISIONS, ids=lambda model: model.__name__)
def test_no_column_of_a_decision_changes_by_sql(decided, model):
    row = model.objects.order_by("pk").values().first()
    columns = [each for each in model._meta.concrete_fields if each.column not in SET_LATER.get(model, set())]
    assert columns
    for column in columns:
        value = other_value(column, row[column.attname])
        refused(
            f'UPDATE {model._meta.db_table} SET "{column.column}" = {value} WHERE id = %s',
            row["id"],
        )


@pytest.mark.parametrize("model", DECISIONS, ids=lambda model: model.__name__)
def test_no_decision_is_removed_by_sql(decided, model):
    refused(f"DELETE FROM {model._meta.db_table} WHERE id = %s", model.objects.order_by("pk").first().pk)


@pytest.mark.parametrize(
    "model",
    [Read, Adjudication, ReferenceGrade, MarkDecision, ReferenceMark],
    ids=lambda model: model.__name__,
)
def test_superseding_is_said_once_and_never_taken_back(decided, model):
    row = model.objects.filter(superseded_at=None).first()
    model.objects.filter(pk=row.pk).update(superseded_at=LATER)
    table = model._meta.db_table
    refused(f"UPDATE {table} SET superseded_at = NULL WHERE id = %s", row.pk)
    refused(
        f"UPDATE {table} SET superseded_at = {other_value(model._meta.get_field('superseded_at'), None)} WHERE id = %s",
        row.pk,
    )


def test_no_rating_moves_into_or_out_of_a_submitted_read(decided):
    submitted = Read.objects.first()
    other = make_desk()
    open_one = open_read(assignment=other.first, at=AT)
    for model in (Rating, RatingEntry, Mark):
        row = model.objects.filter(read=submitted).first()
        refused(f"UPDATE {model._meta.db_table} SET read_id = %s WHERE id = %s", open_one.pk, row.pk)
    for row in (
        factories.rating(of=open_one),
        factories.rating_entry(of=open_one),
        factories.mark(of=open_one),
    ):
        refused(f"UPDATE {row._meta.db_table} SET read_id = %s WHERE id = %s", submitted.pk, row.pk)
        columns = ", ".join(
            f'"{f.column}"' for f in row._meta.concrete_fields if f.column not in {"id", "read_id"}
        )
        refused(
            f"INSERT INTO {row._meta.db_table} (read_id, {columns}) SELECT %s, {columns} "
            f"FROM {row._meta.db_table} WHERE id = %s",
            submitted.pk,
            row.pk,
        )


def test_every_model_that_holds_an_answer_is_looked_at():
    """A new table of decisions must come into the list above."""
    assert set(apps.get_app_config("grading").get_models()) == set(DECISIONS)


def test_an_open_read_changes_freely(db):
    read = open_read(assignment=make_desk().first, at=AT)
    rating = factories.rating(of=read)
    Rating.objects.filter(pk=rating.pk).update(grade=2)
    rating.delete()
    Read.objects.filter(pk=read.pk).update(focused_seconds=9)
    assert not Rating.objects.exists()


def test_the_emptying_of_test_databases_puts_every_trigger_back(decided):
    """The suite takes triggers off to empty SQLite; the product has them all."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'")
        tables = sorted(name for (name,) in cursor.fetchall())
    kept = {name: len(list(rows)) for name, rows in itertools.groupby(tables)}
    decisions = {
        model._meta.db_table: 3 if model in {Rating, RatingEntry, Mark} else 2 for model in DECISIONS
    }
    # What a reader was shown stands like what he decided; its own test is beside the release.
    assert kept == decisions | {"studies_releasedaid": 2}
