"""Roles that would unblind each other are refused by the database; a study moves one way."""

import pytest
from django.db import IntegrityError, transaction

from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import BLINDED_ROLES, UNBLINDED_ROLES, ReaderStudy, Signature, StudyRole
from readerstudy.studies.protocols.loading import ProtocolError
from readerstudy.studies.services.errors import StudyRefused, WrongState
from readerstudy.studies.services.states import lock_study, unblind_study, unlock_study
from readerstudy.studies.services.studies import create_study, grant_roles, open_study
from tests.factories.studies import AT, FACET, make_person, make_study, make_team

pytestmark = pytest.mark.django_db
State = ReaderStudy.State


def events(study) -> list[str]:
    found = AuditEvent.objects.filter(study_id=study.public_id).order_by("number")
    return list(found.values_list("event", flat=True))


class TestCreate:
    def test_draft_keeps_the_file_as_it_was_handed_in(self):
        study = make_study()
        (protocol,) = study.protocols.all()
        assert study.state == State.DRAFT
        assert protocol.source == FACET
        assert protocol.frozen_at is None
        assert protocol.digest == protocol.document.digest
        assert events(study) == ["studies.study.created"]

    def test_short_name_is_taken_once(self):
        make_study()
        with pytest.raises(StudyRefused, match="already"):
            make_study()
        assert ReaderStudy.objects.count() == 1

    def test_file_with_problems_makes_no_study(self):
        with pytest.raises(ProtocolError):
            create_study(source="protocol: x\n", slug="x", actor=None, at=AT)
        assert not ReaderStudy.objects.exists()
        assert not AuditEvent.objects.exists()


@pytest.mark.both_databases
class TestRoles:
    @pytest.mark.parametrize("blinded", BLINDED_ROLES)
    @pytest.mark.parametrize("unblinded", UNBLINDED_ROLES)
    def test_database_refuses_a_blinded_duty_beside_an_unblinded_role(self, blinded, unblinded):
        study, person = make_study(), make_person("somebody")
        row = StudyRole(
            study=study, user=person, code="X1", granted_at=AT, **{blinded: True, unblinded: True}
        )
        with pytest.raises(IntegrityError, match="no_blinded_duty"), transaction.atomic():
            row.save()
        assert not StudyRole.objects.exists()

    def test_role_that_unblinds_a_reader_is_refused_and_the_first_stands(self):
        study, person = make_study(), make_person("somebody")
        grant_roles(study=study, user=person, roles=["is_reader"], actor=None, at=AT)
        with pytest.raises(StudyRefused, match="cannot hold these roles together"):
            grant_roles(study=study, user=person, roles=["is_investigator"], actor=None, at=AT)
        role = StudyRole.objects.get()
        assert (role.is_reader, role.is_investigator) == (True, False)
        assert events(study).count("studies.role.granted") == 1

    def test_other_studies_of_the_person_do_not_matter(self):
        first, second, person = make_study("first"), make_study("second"), make_person("somebody")
        grant_roles(study=first, user=person, roles=["is_reader"], actor=None, at=AT)
        grant_roles(study=second, user=person, roles=["is_investigator"], actor=None, at=AT)
        assert StudyRole.objects.filter(user=person).count() == 2

    def test_codes_are_neutral_and_numbered_by_role(self):
        study = make_study()
        people = make_team(study)
        codes = dict(StudyRole.objects.values_list("user_id", "code"))
        named = {name: codes[person.pk] for name, person in people.items()}
        assert named == {
            "first_reader": "R1",
            "second_reader": "R2",
            "adjudicator": "S1",
            "panel_member": "P1",
            "coordinator": "C1",
            "investigator": "I1",
            "auditor": "A1",
        }

    def test_unknown_role_is_refused(self):
        with pytest.raises(StudyRefused, match="there are"):
            grant_roles(study=make_study(), user=make_person("x"), roles=["is_truther"], actor=None, at=AT)


class TestStates:
    @pytest.fixture
    def signer(self):
        return make_person("signer")

    def test_opening_freezes_the_protocol(self):
        study = open_study(study=make_study(), actor=None, at=AT)
        assert (study.state, study.opened_at) == (State.OPEN, AT)
        assert study.protocols.get().frozen_at == AT

    def test_way_to_unblinding_is_signed(self, signer):
        study = open_study(study=make_study(), actor=signer, at=AT)
        study = lock_study(study=study, actor=signer, at=AT, data_hash="d" * 64)
        study = unlock_study(study=study, actor=signer, at=AT, reason="A read was missing.")
        assert (study.state, study.data_hash, study.locked_at) == (State.OPEN, "", None)
        study = lock_study(study=study, actor=signer, at=AT, data_hash="e" * 64)
        study = unblind_study(study=study, actor=signer, at=AT, predictions_hash="f" * 64)
        assert study.state == State.UNBLINDED
        signed = list(Signature.objects.order_by("pk").values_list("meaning", "signed_digest", "signer_name"))
        assert signed == [
            ("lock", "d" * 64, "Signer"),
            ("unlock", "d" * 64, "Signer"),
            ("lock", "e" * 64, "Signer"),
            ("unblind", "f" * 64, "Signer"),
        ]
        assert events(study)[-4:] == [
            "studies.study.locked",
            "studies.study.unlocked",
            "studies.study.locked",
            "studies.study.unblinded",
        ]

    def test_opening_again_needs_a_reason(self, signer):
        study = open_study(study=make_study(), actor=signer, at=AT)
        study = lock_study(study=study, actor=signer, at=AT, data_hash="d" * 64)
        with pytest.raises(StudyRefused, match="Say why"):
            unlock_study(study=study, actor=signer, at=AT, reason="  ")
        study.refresh_from_db()
        assert study.state == State.LOCKED

    @pytest.mark.parametrize(
        ("state", "act"),
        [
            (State.DRAFT, "lock"),
            (State.DRAFT, "unlock"),
            (State.DRAFT, "unblind"),
            (State.OPEN, "open"),
            (State.OPEN, "unlock"),
            (State.OPEN, "unblind"),
            (State.LOCKED, "open"),
            (State.LOCKED, "lock"),
            (State.UNBLINDED, "open"),
            (State.UNBLINDED, "lock"),
            (State.UNBLINDED, "unlock"),
            (State.UNBLINDED, "unblind"),
        ],
    )
    def test_every_other_step_is_refused_and_changes_nothing(self, signer, state, act):
        study = make_study()
        ReaderStudy.objects.filter(pk=study.pk).update(state=state, locked_at=AT, unblinded_at=AT)
        before, n_events = ReaderStudy.objects.values().get(pk=study.pk), AuditEvent.objects.count()
        common = {"study": study, "actor": signer, "at": AT}
        acts = {
            "open": lambda: open_study(**common),
            "lock": lambda: lock_study(data_hash="d", **common),
            "unlock": lambda: unlock_study(reason="why", **common),
            "unblind": lambda: unblind_study(predictions_hash="f", **common),
        }
        with pytest.raises(WrongState, match="Nothing was changed"):
            acts[act]()
        assert ReaderStudy.objects.values().get(pk=study.pk) == before
        assert AuditEvent.objects.count() == n_events
        assert not Signature.objects.exists()

    def test_database_refuses_states_that_contradict_themselves(self):
        study = make_study()
        for fields in (
            {"state": "finished"},
            {"state": State.LOCKED, "locked_at": None},
            {"state": State.UNBLINDED, "locked_at": AT, "unblinded_at": None},
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                ReaderStudy.objects.filter(pk=study.pk).update(**fields)
