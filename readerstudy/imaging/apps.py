from django.apps import AppConfig


class ImagingConfig(AppConfig):
    name = "readerstudy.imaging"
    label = "imaging"

    def ready(self) -> None:
        from readerstudy.accounts.ending import ends_with_session
        from readerstudy.core.tidying import tidies_up
        from readerstudy.imaging.services.capability import close_session
        from readerstudy.imaging.services.uploading import clear_old_arrivals

        # Whoever signs out takes the images with them.
        ends_with_session(close_session)
        tidies_up(clear_old_arrivals)
