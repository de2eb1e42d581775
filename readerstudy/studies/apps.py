from django.apps import AppConfig


class StudiesConfig(AppConfig):
    name = "readerstudy.studies"
    label = "studies"

    def ready(self) -> None:
        from readerstudy.core.tidying import tidies_up
        from readerstudy.studies.services.copies import erase_copies_of_case, remove_old_copies
        from readerstudy.studies.withdrawal import erase_on_withdrawal

        erase_on_withdrawal("de-identified copies", erase_copies_of_case)
        tidies_up(remove_old_copies)
