from django.apps import AppConfig


class AnalysisConfig(AppConfig):
    name = "readerstudy.analysis"
    label = "analysis"

    def ready(self) -> None:
        from django.utils.translation import gettext_noop as N_

        from readerstudy.analysis.models import ImportedLesion, ImportedMark, ImportedReference
        from readerstudy.studies.standing import stands_on_case

        stands_on_case(
            N_("reference, lesions or marks from a table"), ImportedReference, ImportedLesion, ImportedMark
        )
