"""
The database keeps marks, joint sessions and what is decided on them as it keeps every other decision.

Marks of a submitted read neither change nor go; a comparison, a disputed mark, a decision and a lesion of the
reference are superseded or stay. The trigger of adjudications learns the column that 0005 gave them.
"""

from importlib import import_module

from django.db import migrations

earlier = import_module("grading.migrations.0004_decisions_are_append_only")
MESSAGE = earlier.MESSAGE
_PLACE = [
    "kind",
    "mark_class",
    "shape",
    "series_uid",
    "sop_uid",
    "frame",
    "frame_of_reference_uid",
    "points_px",
    "points_mm",
    "slices",
    "box",
]
DECISIONS = {
    "grading_casecomparison": (["id", "case_id", "compared_at"], []),
    "grading_jointsession": (
        ["id", "public_id", "study_id", "first_id", "second_id", "session_hash", "opened_at"],
        ["ended_at"],
    ),
    "grading_markdiscordance": (
        ["id", "public_id", "case_id", "protocol_id", "kind", "order", "opened_at"],
        [],
    ),
    "grading_markdecision": (
        [
            "id",
            "discordance_id",
            "assignment_id",
            "joint_id",
            "choice",
            "mark_class",
            "kept_mark_id",
            "reason_code",
            "settled_at",
        ],
        ["superseded_at"],
    ),
    "grading_referencemark": (
        ["id", "case_id", "lesion_id", "provenance", "basis", "sources", "decided_at", *_PLACE],
        ["superseded_at"],
    ),
}
ADJUDICATION = "grading_adjudication"


def _changed(vendor, never, once):
    differs = "IS NOT" if vendor == "sqlite" else "IS DISTINCT FROM"
    parts = [f'NEW."{name}" {differs} OLD."{name}"' for name in never]
    parts += [f'(OLD."{name}" IS NOT NULL AND NEW."{name}" {differs} OLD."{name}")' for name in once]
    return " OR ".join(parts)


def _rules(vendor):
    for table, (never, once) in DECISIONS.items():
        yield table, "UPDATE", _changed(vendor, never, once)
        yield table, "DELETE", "1 = 1"
    closed = earlier._closed
    yield "grading_mark", "INSERT", closed("NEW")
    yield "grading_mark", "UPDATE", f"{closed('OLD')} OR {closed('NEW')}"
    yield "grading_mark", "DELETE", closed("OLD")


def _adjudication(vendor, columns):
    never, once = earlier.DECISIONS[ADJUDICATION]
    return ADJUDICATION, "UPDATE", _changed(vendor, [*never, *columns], once)


def _create(vendor, table, act, refused):
    name = f"{table}_stands_{act.lower()}"
    if vendor == "sqlite":
        return [
            f"CREATE TRIGGER {name} BEFORE {act} ON {table} WHEN {refused} "
            f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        ]
    return [
        f"""
        CREATE FUNCTION {name}() RETURNS trigger AS $$
        BEGIN
            IF {refused} THEN
                RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN {"OLD" if act == "DELETE" else "NEW"};
        END $$ LANGUAGE plpgsql""",
        f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    ]


def _drop(vendor, table, act):
    name = f"{table}_stands_{act.lower()}"
    if vendor == "sqlite":
        return [f"DROP TRIGGER {name}"]
    return [f"DROP TRIGGER {name} ON {table}", f"DROP FUNCTION {name}()"]


def _run(schema_editor, statements):
    for statement in statements:
        schema_editor.execute(statement, params=None)


def forwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for rule in _rules(vendor):
        _run(schema_editor, _create(vendor, *rule))
    _run(schema_editor, _drop(vendor, ADJUDICATION, "UPDATE"))
    _run(schema_editor, _create(vendor, *_adjudication(vendor, ["joint_id"])))


def backwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    _run(schema_editor, _drop(vendor, ADJUDICATION, "UPDATE"))
    _run(schema_editor, _create(vendor, *_adjudication(vendor, [])))
    for table, act, _ in _rules(vendor):
        _run(schema_editor, _drop(vendor, table, act))


class Migration(migrations.Migration):
    dependencies = [("grading", "0005_marks_and_joint_sessions")]
    operations = [migrations.RunPython(forwards, backwards)]
