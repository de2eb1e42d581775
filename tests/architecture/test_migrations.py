"""Migrations: a package in every app with models, no cycle between apps, no app code."""

import ast
from collections.abc import Iterable
from pathlib import Path

from django.apps import apps
from django.db.migrations.loader import MigrationLoader

from tests.architecture.tree import PACKAGES, ROOT, modules

Edge = tuple[str, str]


def app_edges() -> set[Edge]:
    """Return (app, app it depends on) over all migrations on disk."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    edges = set()
    for (app, _), migration in loader.disk_migrations.items():
        for target, _ in [*migration.dependencies, *((each[0], each[1]) for each in migration.run_before)]:
            if target not in {app, "__setting__"}:
                edges.add((app, target))
    return edges


def cycle(edges: Iterable[Edge]) -> list[str]:
    """Return the apps of one cycle, or nothing."""
    after: dict[str, set[str]] = {}
    for app, target in edges:
        after.setdefault(app, set()).add(target)
    done: set[str] = set()

    def visit(app: str, path: list[str]) -> list[str]:
        if app in path:
            return [*path[path.index(app) :], app]
        if app in done:
            return []
        for target in sorted(after.get(app, ())):
            found = visit(target, [*path, app])
            if found:
                return found
        done.add(app)
        return []

    for app in sorted(after):
        found = visit(app, [])
        if found:
            return found
    return []


def apps_without_package(configs: Iterable[tuple[str, Path, bool]]) -> list[str]:
    """Return the apps (name, folder, has models) for which Django would silently make no migrations."""
    return [
        name
        for name, folder, has_models in configs
        if has_models and not (folder / "migrations" / "__init__.py").exists()
    ]


def app_code_in(found: Iterable[tuple[str, ast.Module]]) -> list[str]:
    """Return the imports of our own packages in migrations."""
    problems = []
    for name, tree in found:
        if "/migrations/" not in name:
            continue
        for node in ast.walk(tree):
            targets = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                targets = [node.module or ""]
            problems += [f"{name} imports {target}" for target in targets if target.split(".")[0] in PACKAGES]
    return problems


def test_no_cycle_between_apps():
    edges = app_edges()
    assert ("studies", "imaging") in edges
    assert cycle(edges) == []


def test_planted_cycle_is_seen():
    planted = cycle({*app_edges(), ("imaging", "studies")})
    assert planted[0] == planted[-1]
    assert set(planted) == {"imaging", "studies"}


def test_every_app_with_models_has_a_migrations_package(tmp_path):
    ours = [config for config in apps.get_app_configs() if config.name.split(".")[0] in PACKAGES]
    rows = [(config.name, Path(config.path), any(config.get_models())) for config in ours]
    assert len(rows) >= 7
    assert apps_without_package(rows) == []
    (tmp_path / "migrations").mkdir()
    assert apps_without_package([("planted", tmp_path, True)]) == ["planted"]


def test_migrations_import_no_app_code():
    assert app_code_in(modules(*PACKAGES)) == []
    planted = [("grading/migrations/0009_planted.py", ast.parse("from grading.models import Read"))]
    assert app_code_in(planted) == ["grading/migrations/0009_planted.py imports grading.models"]


def test_migrations_are_named():
    automatic = [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("migrations/0*.py")
        if "_auto_" in path.name
    ]
    assert automatic == []
