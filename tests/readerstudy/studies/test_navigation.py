"""The frame of a study's pages leads only where the person may go."""

import pytest

from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.navigation import study_frame
from tests import factories

pytestmark = pytest.mark.django_db

ROLES = ("coordinator", "investigator", "auditor", "reader", "adjudicator", "panel", "screener")


@pytest.mark.parametrize("state", ReaderStudy.State.values)
@pytest.mark.parametrize("role", ROLES)
def test_every_way_that_is_shown_leads_to_a_page(client, role, state):
    study = factories.reader_study(state=state)
    person = factories.study_role(role, study=study).user
    client.force_login(person)
    frame = study_frame(study=study, user=person)
    refused_before = 0
    for group in frame.navigation:
        for entry in group.entries:
            answer = client.get(entry.address)
            assert answer.status_code == 200, (entry.label, entry.address, answer.status_code)
            # The plan in the place of results is on record as asked for too early; no other way is an attempt.
            refused = AuditEvent.objects.filter(event__contains="refused").count()
            assert refused <= (entry.address.endswith("/results/") or refused_before)
            refused_before = refused
