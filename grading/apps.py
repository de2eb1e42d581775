from django.apps import AppConfig


class GradingConfig(AppConfig):
    name = "grading"
    label = "grading"

    def ready(self) -> None:
        from grading import signals  # noqa: F401
