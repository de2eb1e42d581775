"""Two cases that are of one patient."""

import pytest

from readerstudy.studies.models import Case, ReaderStudy
from tests import factories


@pytest.fixture
def study() -> ReaderStudy:
    study = factories.reader_study(slug="one")
    factories.study_role("coordinator", study=study, person=factories.user("coordinator"), code="K1")
    return study


@pytest.fixture
def pair(study) -> list[Case]:
    """Two included cases of one centre: MR under one number, CT under another."""
    made = []
    for modality in ("MR", "CT"):
        images = factories.image_set(scope=study.public_id)
        imaging_study = factories.imaging_study(of=images)
        factories.series(
            of=imaging_study, modality=modality, label=f"Axial {modality}", frame_of_reference_uid=modality
        )
        made.append(factories.case(study=study, image_set=images))
    return made


@pytest.fixture
def coordinator(client, study):
    client.force_login(study.roles.get(is_coordinator=True).user)
    return client
