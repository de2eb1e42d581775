"""Two studies full of canaries: strings that exist once, each in a place that some people must not see."""

import base64
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import numpy as np
import yaml
from django.utils import timezone
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from grading.models import Adjudication, Read
from inference.models import HeatMap, InferenceRun, ModelVersion, PredictedLesion, Prediction, StudyRun
from readerstudy.core.models import Job
from readerstudy.imaging.models import ImageSet, ImportBatch, Instance
from readerstudy.imaging.services import receive
from readerstudy.studies.models import Assignment, Case
from readerstudy.studies.protocols.loading import canonical_digest
from readerstudy.studies.services.copies import archive_path
from tests import factories
from tests.complete_studies import CompleteStudy, TwoStudies, two_complete_studies
from tests.factories.protocols import AGE, SEX

PHI = {
    "PatientName": "Canaryname^Phi",
    "PatientID": "CANARYPID7781",
    "PatientBirthDate": "19310417",
    "InstitutionName": "Canary Hospital",
    "AccessionNumber": "CANARYACC31",
    "StudyDescription": "Canary study text",
    "SeriesDescription": "Canary series text",
    "ReferringPhysicianName": "Canaryref^Doctor",
    "ProtocolName": "canary-protocol-name",
    "ImageComments": "canary comment of the image",
    "StudyDate": "20190823",
}
# Probabilities that nothing else on a page says, as they are and as pages round them.
PROBABILITY = 0.7319
PROBABILITY_TEXTS = ("0.7319", "0.732", "73.19", "73.2")
HEAT = b"canary-heat!"
# The clinical value that the protocol shows to whoever sees the images.
SHOWN_AGE = "61.25"
# What the aid of a session that has not opened says, of each reader.
AID_SHARES = {"first_reader": 0.8437, "second_reader": 0.6291}
AID_TEXTS = ("0.8437", "0.844", "84.37", "84.4", "0.6291", "0.629", "62.91", "62.9")


@dataclass
class Canaries:
    """Strings by who may see them; whoever is not named must not."""

    # string -> (what it is, roles that may see it)
    planted: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)

    def plant(self, text: str, what: str, *allowed: str) -> str:
        assert len(text) >= 4, text
        self.planted[text] = what, frozenset(allowed)
        return text

    def plant_uuid(self, value: UUID, what: str, *allowed: str) -> None:
        self.plant(str(value), what, *allowed)
        self.plant(value.hex, what, *allowed)

    def found(self, text: str, role: str) -> list[str]:
        """Return what of the canaries `role` was shown and must not see."""
        return [
            f"{what}: {canary}"
            for canary, (what, allowed) in self.planted.items()
            if role not in allowed and canary in text
        ]


BLINDED = ("first_reader", "second_reader", "adjudicator", "panel_member")
OFFICE = ("coordinator", "investigator", "auditor")
OTHER_STUDY = ("first_reader_of_other_study",)
CRAWLED = ("anonymous", *BLINDED, *OFFICE, *OTHER_STUDY)


@dataclass
class Planted:
    """The studies, their canaries and what an address may be filled with."""

    studies: TwoStudies
    canaries: Canaries
    images: dict[str, ImageSet]

    @property
    def one(self) -> CompleteStudy:
        return self.studies.one


def write_series(folder: Path, *, patient: str, pixels: int = 16) -> None:
    """Write a tiny MR series with an identity in every place that an identity likes to hide."""
    folder.mkdir(parents=True)
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    for index in range(2):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = MRImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = study, series, frame
        data.Modality, data.SeriesNumber, data.InstanceNumber = "MR", 1, index + 1
        for name, value in PHI.items():
            setattr(data, name, value)
        data.PatientID = f"{PHI['PatientID']}-{patient}"
        block = data.private_block(0x0051, "CANARYPRIVATE", create=True)
        block.add_new(0x01, "LO", "canary private value")
        data.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        data.ImagePositionPatient = [4.0 * index, 0, 0]
        data.PixelSpacing, data.SliceThickness = [1, 1], 4
        data.Rows = data.Columns = pixels
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, 0
        values = np.arange(pixels**2, dtype=np.uint16).reshape(pixels, pixels) * (index + 1)
        data.PixelData = values.tobytes()
        data.save_as(folder / f"{index}.dcm", enforce_file_format=True)


def plant(folder: Path) -> Planted:
    """Make two complete studies with images and plant a canary in every secret place."""
    studies = two_complete_studies()
    one, canaries = studies.one, Canaries()
    images = _images(one, folder)
    for text in (*PHI.values(), "CANARYPRIVATE", "canary private value"):
        canaries.plant(text, "identity in the files")
    for role, person in (*one.people.items(), *studies.other.people.items()):
        of_other = person in studies.other.people.values()
        me = f"{role}_of_other_study" if of_other else role
        # The office knows who takes part; nobody blinded knows anybody but himself.
        knows = (me,) if of_other else (me, *OFFICE)
        canaries.plant(person.display_name, f"name of {me}", *knows)
        canaries.plant_uuid(person.public_id, f"public id of {me}", me)
        for reading in Assignment.objects.filter(user=person):
            canaries.plant_uuid(reading.public_id, f"assignment of {me}", me)
            canaries.plant_uuid(reading.presentation, f"presentation of {me}", me)
    for case in Case.objects.all():
        office = OFFICE if case.study_id == one.study.pk else ()
        canaries.plant_uuid(case.public_id, "public id of a case", *office)
        canaries.plant(case.pseudonym, "case code", *office)
        canaries.plant(case.patient.pseudonym, "patient code", *office)
    for role in ("first_reader", "second_reader"):
        for name in ("disputed", "in_progress"):
            read = Read.objects.get(reader=one.people[role], case=one.cases[name])
            canaries.plant_uuid(read.public_id, f"read of {role}", role)
            if name == "in_progress":
                note = canaries.plant(f"canary-note-of-{role}", f"note of {role}", role)
                read.ratings.update(note=note)
                comment = canaries.plant(f"canary-comment-of-{role}", f"comment of {role}", role)
                Read.objects.filter(pk=read.pk).update(case_answers={"comment": comment})
    _clinical(one, canaries)
    _copies(one, canaries)
    _predictions(one, canaries)
    _released_aids(one, canaries)
    assert Adjudication.objects.exists()
    return Planted(studies, canaries, images)


def _released_aids(one: CompleteStudy, canaries: Canaries) -> None:
    """Give both readers an aided showing whose session has not opened, with its aid released already."""
    for role, share in AID_SHARES.items():
        later = factories.assignment(
            of=one.cases["confirmed"], person=one.people[role], condition="aided", session=2
        )
        canaries.plant_uuid(later.public_id, f"aided showing of {role}", role)
        canaries.plant_uuid(later.presentation, f"presentation of an aided showing of {role}", role)
        factories.released_aid(
            assignment=later,
            payload={"L4-5-right|cyst": {"grade": 1, "probabilities": [1 - share, share]}},
            model_digest=f"{role}-canary-aid".ljust(64, "0"),
        )
        canaries.plant(f"{role}-canary-aid", f"model of the aid of {role}")
    for text in AID_TEXTS:
        canaries.plant(text, "share in a released aid")


def _clinical(one: CompleteStudy, canaries: Canaries) -> None:
    """Give every case clinical data of which the protocol shows two columns, one of them with a value that fits."""
    protocol = one.study.protocols.get()
    content = yaml.safe_load(protocol.source)
    content["reading"]["clinical_context"] = [AGE, SEX]
    protocol.source = yaml.safe_dump(content, allow_unicode=True)
    protocol.digest = canonical_digest(content)
    protocol.save()
    told = {
        "sex": canaries.plant("canary-no-sex", "clinical value that the protocol does not allow", *OFFICE),
        "pathology": canaries.plant("canary-pathology", "clinical column that nobody is shown", *OFFICE),
        "operated_on": canaries.plant("canary-operation", "clinical column that nobody is shown", *OFFICE),
    }
    for case in one.cases.values():
        Case.objects.filter(pk=case.pk).update(clinical={"age": SHOWN_AGE, **told})


def _copies(one: CompleteStudy, canaries: Canaries) -> None:
    """Leave a finished archive of de-identified copies to download."""
    job = Job.objects.create(
        kind="studies.export_images",
        queue="default",
        payload={"which": "every", "by": str(one.people["coordinator"].public_id)},
        study_id=one.study.public_id,
        state=Job.State.DONE,
        created_at=factories.AT,
        finished_at=factories.AT,
    )
    archive = archive_path(one.study.public_id, job.public_id)
    copies = canaries.plant("canary-copies-of-images", "archive of copies", "coordinator", "investigator")
    archive.write_text(copies)
    archive.with_suffix(".json").write_text('{"n_cases": 1, "n_images": 2, "n_left_out": 0}')
    canaries.plant_uuid(job.public_id, "asking for copies", "coordinator", "investigator")


def _images(one: CompleteStudy, folder: Path) -> dict[str, ImageSet]:
    images = {}
    for name in ("disputed", "in_progress", "to_confirm"):
        write_series(folder / name, patient=name)
        before = set(ImageSet.objects.values_list("pk", flat=True))
        batch: ImportBatch = receive(
            scope=one.study.public_id, source=folder / name, at=timezone.now(), laterality="established"
        )
        assert batch.n_stored == 2, list(batch.outcomes.values_list("outcome", "reason"))
        images[name] = ImageSet.objects.exclude(pk__in=before).get()
        Case.objects.filter(pk=one.cases[name].pk).update(image_set=images[name])
    assert Instance.objects.count() == 6
    return images


def _predictions(one: CompleteStudy, canaries: Canaries) -> None:
    model = ModelVersion.objects.create(
        digest="c0ffee" * 10 + "abcd",
        name=canaries.plant("canary-model", "name of a model", "coordinator"),
        version="1",
        manifest={"outputs": {"structures": ["L4-5-right"], "n_grades": {"cyst": 2}}},
        is_synthetic=True,
        registered_at=factories.AT,
    )
    started = StudyRun.objects.create(study=one.study, model=model, number=1, started_at=factories.AT)
    for case in one.cases.values():
        run = InferenceRun.objects.create(
            study_run=started,
            case=case,
            model=model,
            input_key=case.public_id.hex,
            state="done",
            finished_at=factories.AT,
        )
        Prediction.objects.create(
            run=run,
            structure="L4-5-right",
            finding="cyst",
            probabilities=[1 - PROBABILITY, PROBABILITY],
        )
        PredictedLesion.objects.create(
            run=run,
            number=1,
            lesion_class="canary-lesion-class",
            score=PROBABILITY,
            box={f"{axis}_mm": 4321.0625 for axis in ("x", "y", "z", "dx", "dy", "dz")},
        )
        HeatMap.objects.create(
            run=run,
            kind="MR-axial",
            method="grad-cam",
            series_uid="1.2.3",
            shape=[1, 2, 6],
            cell_mm=[6.0, 6.4, 6.4],
            items=[{"structure": "L4-5-right", "finding": "canary-looked-at", "affine": [8765.4321] * 12}],
            values=zlib.compress(HEAT),
        )
    canaries.plant("canary-looked-at", "where a model looked")
    canaries.plant("8765.4321", "place at which a model looked")
    canaries.plant(base64.b64encode(HEAT).decode(), "map of where a model looked")
    canaries.plant("canary-lesion-class", "class of a lesion that a model marked")
    canaries.plant("4321.0625", "place of a lesion that a model marked")
    for text in PROBABILITY_TEXTS:
        canaries.plant(text, "probability of a model")
