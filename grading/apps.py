from django.apps import AppConfig


class GradingConfig(AppConfig):
    name = "grading"
    label = "grading"

    def ready(self) -> None:
        from django.utils.translation import gettext_noop as N_

        from grading import signals  # noqa: F401
        from grading.models import (
            CaseComparison,
            CaseConfirmation,
            Discordance,
            MarkDiscordance,
            PanelReview,
            Read,
            ReferenceGrade,
            ReferenceMark,
        )
        from readerstudy.studies.standing import stands_on_case

        stands_on_case(N_("answers of readers"), Read, CaseComparison, Discordance, MarkDiscordance)
        stands_on_case(
            N_("a reference standard"), PanelReview, ReferenceGrade, ReferenceMark, CaseConfirmation
        )
