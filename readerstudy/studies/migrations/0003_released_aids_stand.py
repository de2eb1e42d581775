"""A released aid is what a reader was shown: the database itself lets no row change or go."""

from django.db import migrations

TABLE = "studies_releasedaid"
MESSAGE = "a released aid stands"
ACTS = ("UPDATE", "DELETE")


def forwards(apps, schema_editor):
    for act in ACTS:
        name = f"{TABLE}_stands_{act.lower()}"
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(
                f"CREATE TRIGGER {name} BEFORE {act} ON {TABLE} BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END",
                params=None,
            )
            continue
        schema_editor.execute(
            f"""
            CREATE FUNCTION {name}() RETURNS trigger AS $$
            BEGIN
                RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
            END $$ LANGUAGE plpgsql""",
            params=None,
        )
        schema_editor.execute(
            f"CREATE TRIGGER {name} BEFORE {act} ON {TABLE} FOR EACH ROW EXECUTE FUNCTION {name}()",
            params=None,
        )


def backwards(apps, schema_editor):
    for act in ACTS:
        name = f"{TABLE}_stands_{act.lower()}"
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER {name}", params=None)
        else:
            schema_editor.execute(f"DROP TRIGGER {name} ON {TABLE}", params=None)
            schema_editor.execute(f"DROP FUNCTION {name}()", params=None)


class Migration(migrations.Migration):
    dependencies = [("studies", "0002_coordination")]
    operations = [migrations.RunPython(forwards, backwards)]
