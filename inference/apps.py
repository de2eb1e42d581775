from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"
    label = "inference"

    def ready(self) -> None:
        from inference.services.training_material import erase_crops_of_case
        from readerstudy.studies.withdrawal import erase_on_withdrawal

        erase_on_withdrawal("crops of trainings", erase_crops_of_case)
