"""
The database itself keeps every decision as it was taken: no change, no removal, not even by SQL.

Of a submitted read only `superseded_at` can be set, once; its ratings and their entries neither change
nor go, and none can be moved in or out. Covered grades, adjudications, votes and reference grades are
superseded, never changed. This replaces the narrower triggers of 0002. A later migration that makes
SQLite rebuild one of these tables must put its triggers back; a test looks.
"""

from django.db import migrations

MESSAGE = "decisions are append-only"
_ANSWER = ("structure", "finding", "kind", "grade", "value", "reason")
# Table -> (columns that never change, columns that are set once, whether only under a submitted read)
DECISIONS = {
    "grading_read": (
        [
            "id",
            "public_id",
            "assignment_id",
            "protocol_id",
            "case_id",
            "reader_id",
            "version",
            "state",
            "opened_at",
            "first_answer_at",
            "submitted_at",
            "reopen_reason",
            "focused_seconds",
            "idle_seconds",
            "case_answers",
            "resume",
        ],
        ["superseded_at"],
    ),
    "grading_discordance": (
        ["id", "case_id", "protocol_id", "structure", "finding", "order", "is_audit", "opened_at"],
        [],
    ),
    "grading_coveredgrade": (["id", "discordance_id", "assignment_id", "given_at", *_ANSWER], []),
    "grading_adjudication": (
        [
            *[
                "id",
                "discordance_id",
                "assignment_id",
                "choice",
                "kept_read_id",
                "reason_code",
                "covered_answer",
                "settled_at",
            ],
            *_ANSWER,
        ],
        ["superseded_at"],
    ),
    "grading_panelreview": (["id", "case_id", "assignment_id", "round", "opened_at"], ["submitted_at"]),
    "grading_panelvote": ([*["id", "review_id", "reason_code", "voted_at"], *_ANSWER], []),
    "grading_referencegrade": (
        [*["id", "case_id", "provenance", "basis", "no_majority", "decided_at"], *_ANSWER],
        ["superseded_at"],
    ),
}
OF_A_READ = ("grading_rating", "grading_ratingentry")

OLD_SQLITE = [
    "DROP TRIGGER grading_rating_frozen_update",
    "DROP TRIGGER grading_rating_frozen_insert",
    "DROP TRIGGER grading_read_frozen",
]
OLD_POSTGRESQL = [
    "DROP TRIGGER grading_rating_frozen ON grading_rating",
    "DROP FUNCTION grading_rating_frozen()",
    "DROP TRIGGER grading_read_frozen ON grading_read",
    "DROP FUNCTION grading_read_frozen()",
]


def _changed(table, vendor):
    differs = "IS NOT" if vendor == "sqlite" else "IS DISTINCT FROM"
    never, once = DECISIONS[table]
    parts = [f'NEW."{name}" {differs} OLD."{name}"' for name in never]
    parts += [f'(OLD."{name}" IS NOT NULL AND NEW."{name}" {differs} OLD."{name}")' for name in once]
    return " OR ".join(parts)


def _closed(row):
    return f"(SELECT state FROM grading_read WHERE id = {row}.read_id) = 'submitted'"


def _rules(vendor):
    """Yield table, act and the condition under which the act is refused."""
    for table in DECISIONS:
        held = "OLD.state = 'submitted'" if table == "grading_read" else "1 = 1"
        yield table, "UPDATE", f"{held} AND ({_changed(table, vendor)})"
        yield table, "DELETE", held
    for table in OF_A_READ:
        yield table, "INSERT", _closed("NEW")
        yield table, "UPDATE", f"{_closed('OLD')} OR {_closed('NEW')}"
        yield table, "DELETE", _closed("OLD")


def _create(vendor):
    for table, act, refused in _rules(vendor):
        name = f"{table}_stands_{act.lower()}"
        if vendor == "sqlite":
            yield (
                f"CREATE TRIGGER {name} BEFORE {act} ON {table} WHEN {refused} "
                f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
            )
        else:
            yield f"""
                CREATE FUNCTION {name}() RETURNS trigger AS $$
                BEGIN
                    IF {refused} THEN
                        RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN {"OLD" if act == "DELETE" else "NEW"};
                END $$ LANGUAGE plpgsql"""
            yield f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"


def forwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in OLD_SQLITE if vendor == "sqlite" else OLD_POSTGRESQL:
        schema_editor.execute(statement, params=None)
    for statement in _create(vendor):
        schema_editor.execute(statement, params=None)


def backwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for table, act, _ in _rules(vendor):
        name = f"{table}_stands_{act.lower()}"
        if vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER {name}", params=None)
        else:
            schema_editor.execute(f"DROP TRIGGER {name} ON {table}", params=None)
            schema_editor.execute(f"DROP FUNCTION {name}()", params=None)
    from importlib import import_module

    for statement in import_module("grading.migrations.0002_submitted_reads_are_append_only")._statements(
        vendor
    ):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("grading", "0003_covered_grades")]
    operations = [migrations.RunPython(forwards, backwards)]
