"""The database itself refuses a change to the ratings of a submitted read."""

from django.db import migrations

MESSAGE = "ratings of a submitted read are append-only"

SQLITE = f"""
CREATE TRIGGER grading_rating_frozen_update BEFORE UPDATE ON grading_rating
WHEN (SELECT state FROM grading_read WHERE id = OLD.read_id) = 'submitted'
BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END;
CREATE TRIGGER grading_rating_frozen_insert BEFORE INSERT ON grading_rating
WHEN (SELECT state FROM grading_read WHERE id = NEW.read_id) = 'submitted'
BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END;
CREATE TRIGGER grading_read_frozen BEFORE UPDATE ON grading_read
WHEN OLD.state = 'submitted' AND (
    NEW.state <> OLD.state OR NEW.submitted_at <> OLD.submitted_at OR NEW.case_answers <> OLD.case_answers
    OR NEW.reader_id <> OLD.reader_id OR NEW.protocol_id <> OLD.protocol_id)
BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END;
"""

POSTGRESQL = f"""
CREATE FUNCTION grading_rating_frozen() RETURNS trigger AS $$
BEGIN
    IF (SELECT state FROM grading_read WHERE id = NEW.read_id) = 'submitted' THEN
        RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER grading_rating_frozen BEFORE INSERT OR UPDATE ON grading_rating
    FOR EACH ROW EXECUTE FUNCTION grading_rating_frozen();
CREATE FUNCTION grading_read_frozen() RETURNS trigger AS $$
BEGIN
    IF OLD.state = 'submitted' AND (
        NEW.state <> OLD.state OR NEW.submitted_at <> OLD.submitted_at OR NEW.case_answers <> OLD.case_answers
        OR NEW.reader_id <> OLD.reader_id OR NEW.protocol_id <> OLD.protocol_id) THEN
        RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER grading_read_frozen BEFORE UPDATE ON grading_read
    FOR EACH ROW EXECUTE FUNCTION grading_read_frozen();
"""


def _statements(vendor: str) -> list[str]:
    if vendor == "sqlite":
        return [part + "END;" for part in SQLITE.split("END;")[:-1]]
    return [POSTGRESQL]


def forwards(apps: object, schema_editor: object) -> None:
    for statement in _statements(schema_editor.connection.vendor):  # type: ignore[attr-defined]
        schema_editor.execute(statement)  # type: ignore[attr-defined]


def backwards(apps: object, schema_editor: object) -> None:
    if schema_editor.connection.vendor == "sqlite":  # type: ignore[attr-defined]
        for name in ("grading_rating_frozen_update", "grading_rating_frozen_insert", "grading_read_frozen"):
            schema_editor.execute(f"DROP TRIGGER {name}")  # type: ignore[attr-defined]
    else:
        schema_editor.execute(  # type: ignore[attr-defined]
            "DROP TRIGGER grading_rating_frozen ON grading_rating; DROP FUNCTION grading_rating_frozen();"
            "DROP TRIGGER grading_read_frozen ON grading_read; DROP FUNCTION grading_read_frozen();"
        )


class Migration(migrations.Migration):
    dependencies = [("grading", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
