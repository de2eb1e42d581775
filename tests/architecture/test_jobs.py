"""Every kind of job that code may ask for has a handler in the worker."""

import importlib
import pkgutil

from readerstudy.celery import app
from readerstudy.core.jobs import registry
from readerstudy.core.jobs.registry import JobKind, handler_of, known_kinds


def import_everything() -> None:
    """Import what the worker imports, and every module that names a kind of job."""
    app.loader.import_default_modules()
    for name in ("readerstudy", "grading", "inference"):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if module.name.endswith(("task_names", ".tasks")):
                importlib.import_module(module.name)


def without_handler() -> list[str]:
    return sorted(name for name in known_kinds() if handler_of(name) is None)


def test_every_kind_resolves():
    import_everything()
    assert without_handler() == []


def test_planted_kind_without_handler_is_seen(monkeypatch):
    monkeypatch.setattr(registry, "_KINDS", dict(registry._KINDS))
    JobKind("planted.nobody_does_this")
    import_everything()
    assert without_handler() == ["planted.nobody_does_this"]
