"""The study that takes a table in, and its patients, cases and readers, made where they are missing."""

from datetime import datetime

from django.utils.translation import gettext as _

from readerstudy.accounts.models import User
from readerstudy.analysis.services.imports.tables import BadCell, Row, name_of, one_of
from readerstudy.studies.models import Case, Centre, Patient, ReaderStudy, StudyRole
from readerstudy.studies.services.errors import WrongState
from readerstudy.studies.wording import state_words


def writable(study: ReaderStudy) -> ReaderStudy:
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state != ReaderStudy.State.OPEN:
        raise WrongState(
            _("The study is %(state)s; tables enter while it is open. Nothing was changed.")
            % {"state": state_words(study.state)}
        )
    return study


class Roster:
    """Patients, cases and readers of an import, made where they are missing."""

    def __init__(self, study: ReaderStudy, at: datetime) -> None:
        self.study, self.at = study, at
        self.centres = {each.code: each for each in Centre.objects.filter(study=study)}
        self.patients = {
            each.pseudonym: each for each in Patient.objects.filter(study=study).select_related("centre")
        }
        self.cases = {
            each.pseudonym: each for each in Case.objects.filter(study=study).select_related("patient")
        }
        self.roles = {each.code: each for each in StudyRole.objects.filter(study=study)}

    def case(self, row: Row) -> Case:
        name, patient_name = name_of(row, "case_id"), name_of(row, "patient_id")
        found = self.cases.get(name)
        patient = self._patient(row, patient_name)
        if found is None:
            found = Case.objects.create(
                study=self.study,
                patient=patient,
                pseudonym=name,
                status=Case.Status.INCLUDED,
                imported_at=self.at,
            )
            self.cases[name] = found
        elif found.patient.pseudonym != patient_name:
            raise BadCell(
                "patient_id",
                _("case %(case)s is of patient %(patient)s")
                % {"case": name, "patient": found.patient.pseudonym},
            )
        return found

    def known_case(self, row: Row) -> Case:
        """Return a case that reads have brought, or make it where the row tells its centre."""
        name = name_of(row, "case_id")
        found = self.cases.get(name)
        if found is None:
            raise BadCell(
                "case_id",
                _("the study has no case %(case)s; import its reads or its list of cases first")
                % {"case": name},
            )
        if found.patient.pseudonym != row["patient_id"]:
            raise BadCell(
                "patient_id",
                _("case %(case)s is of patient %(patient)s")
                % {"case": name, "patient": found.patient.pseudonym},
            )
        return found

    def _patient(self, row: Row, name: str) -> Patient:
        found = self.patients.get(name)
        partition = one_of(row, "partition", ["", "train", "validation", "test", "external"])
        if found is None:
            code = name_of(row, "centre", 20)
            if code not in self.centres:
                outer = row.get("centre_is_external", "yes" if partition == "external" else "no") == "yes"
                self.centres[code] = Centre.objects.create(study=self.study, code=code, is_external=outer)
            found = Patient.objects.create(
                study=self.study, pseudonym=name, centre=self.centres[code], partition=partition
            )
            self.patients[name] = found
        if found.centre.code != row["centre"]:
            raise BadCell(
                "centre",
                _("patient %(patient)s is of centre %(centre)s")
                % {"patient": name, "centre": found.centre.code},
            )
        if found.partition != partition:
            raise BadCell(
                "partition",
                _("patient %(patient)s is in the partition %(partition)s already")
                % {"patient": name, "partition": found.partition}
                if found.partition
                else _("patient %(patient)s is in no partition") % {"patient": name},
            )
        return found

    def reader(self, row: Row) -> StudyRole:
        code = name_of(row, "reader_id", 12)
        is_truther = one_of(row, "reader_role", ["truther", "comparison"]) == "truther"
        found = self._role(code, is_truther)
        if found.is_truther != is_truther:
            raise BadCell(
                "reader_role",
                (_("%(code)s is a truther") if found.is_truther else _("%(code)s is a comparison reader"))
                % {"code": code},
            )
        return found

    def marker(self, row: Row) -> StudyRole:
        """Return the reader of a mark; a new one made no reference."""
        return self._role(name_of(row, "reader_id", 12), is_truther=False)

    def _role(self, code: str, is_truther: bool) -> StudyRole:
        found = self.roles.get(code)
        if found is None:
            user = User(
                username=f"imported-{self.study.slug}-{code}"[:150],
                display_name=f"{code} (imported)",
                is_active=False,
            )
            user.set_unusable_password()
            user.save()
            found = StudyRole.objects.create(
                study=self.study, user=user, code=code, is_reader=True, is_truther=is_truther,
                granted_at=self.at,
            )  # fmt: skip
            self.roles[code] = found
        if not found.is_reader:
            raise BadCell("reader_id", _("%(code)s is not a reader in this study") % {"code": code})
        return found
