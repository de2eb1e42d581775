"""``manage.py open_images``: a capability for a program without a browser, on the server itself."""

import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from readerstudy.imaging.models import ImageSet
from readerstudy.imaging.services import open_case
from readerstudy.imaging.services.capability import ImagesWithdrawn


class Command(BaseCommand):
    """Open an image set and print where and with which token it is read."""

    help = "Opens an image set for a program without a browser; prints its address and bearer token."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("image_set", type=uuid.UUID, help="Public id of the image set.")
        parser.add_argument("--seconds", type=int, default=3600, help="How long it stays open.")

    def handle(self, *args: Any, **options: Any) -> None:
        image_set = ImageSet.objects.filter(public_id=options["image_set"]).first()
        if image_set is not None and image_set.joined_into is not None:
            raise CommandError(f"These images are shown by the set {image_set.joined_into.public_id}.")
        if image_set is None:
            raise CommandError("There is no image set of this id.")
        presentation = uuid.uuid4()
        try:
            opened = open_case(
                image_set=image_set,
                presentation=presentation,
                user_id=0,
                session_key="",
                at=timezone.now(),
                max_age=options["seconds"],
            )
        except ImagesWithdrawn:
            raise CommandError("The images of this patient were withdrawn.") from None
        self.stdout.write(f"/dicomweb/{presentation}")
        self.stdout.write(f"Authorization: Bearer {opened.token}")
