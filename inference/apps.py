from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"
    label = "inference"

    def ready(self) -> None:
        from django.utils.translation import gettext_noop as N_

        from inference.models import InferenceRun
        from inference.services.training_material import erase_crops_of_case
        from readerstudy.studies.standing import stands_on_case
        from readerstudy.studies.withdrawal import erase_on_withdrawal

        stands_on_case(N_("results of a model"), InferenceRun)
        erase_on_withdrawal("crops of trainings", erase_crops_of_case)
