from django.apps import AppConfig


class ImagingConfig(AppConfig):
    name = "readerstudy.imaging"
    label = "imaging"

    def ready(self) -> None:
        from readerstudy.accounts.ending import ends_with_session
        from readerstudy.imaging.services.capability import close_session

        # Whoever signs out takes the images with them.
        ends_with_session(close_session)
