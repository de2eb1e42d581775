"""Fixtures of the imaging tests: a data root of their own, the shared images, a client without a socket."""

import uuid
from pathlib import Path

import pytest
from django.utils import timezone

from readerstudy.imaging.models import ImageSet
from readerstudy.imaging.services import OpenedCase, open_case, receive
from tests.readerstudy.imaging.wsgi_client import dicomweb_client


@pytest.fixture
def data_root(settings, tmp_path) -> Path:
    """A data root that this test alone uses; one reading process, because small imports are over sooner so."""
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    return tmp_path / "data"


@pytest.fixture
def scope() -> uuid.UUID:
    """The public id of a reader study."""
    return uuid.uuid4()


@pytest.fixture
def take_in(db, data_root, scope):
    """Import a folder into the reader study."""

    def take(source: Path, **options):
        return receive(scope=options.pop("scope", scope), source=source, at=timezone.now(), **options)

    return take


@pytest.fixture
def lumbar_set(take_in, shared_data, scope) -> ImageSet:
    """The real lumbar MR case vb2_05: sagittal and derived axial series."""
    take_in(shared_data / "lumbar_mr" / "vb2_05")
    return ImageSet.objects.get(scope=scope)


@pytest.fixture
def open_images():
    """Open an image set for a client without a browser; returns (capability, presentation)."""

    def opened(image_set: ImageSet, **options) -> tuple[OpenedCase, uuid.UUID]:
        presentation = options.pop("presentation", None) or uuid.uuid4()
        case = open_case(
            image_set=image_set,
            presentation=presentation,
            user_id=options.pop("user_id", 1),
            session_key=options.pop("session_key", ""),
            at=options.pop("at", None) or timezone.now(),
            **options,
        )
        return case, presentation

    return opened


@pytest.fixture
def client_of(open_images):
    """A dicomweb-client on an opened image set."""

    def client(image_set: ImageSet, **options):
        case, presentation = open_images(image_set, **options)
        return dicomweb_client(presentation, token=case.token)

    return client
