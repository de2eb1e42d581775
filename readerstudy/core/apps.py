"""Loads the Celery application, so that `readerstudy/__init__.py` can stay empty."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "readerstudy.core"
    label = "core"

    def ready(self) -> None:
        from readerstudy import celery  # noqa: F401  (binds shared tasks to our application)
        from readerstudy.core import signals  # noqa: F401
