"""Loads each app's audit sentences once all apps are there."""

from importlib import import_module
from importlib.util import find_spec

from django.apps import apps


def load_audit_events() -> None:
    """Import ``audit_events`` of every app that has one; it registers its sentences."""
    for config in apps.get_app_configs():
        name = f"{config.name}.audit_events"
        if find_spec(config.name) and find_spec(name):
            import_module(name)


load_audit_events()
