"""
One factory per model of the reading rooms: plain functions, valid by default, every field can be said.

They write rows, not acts: no audit event, no rule of a service. What a test is about goes through the
service or the page; what it merely stands on comes from here.
"""

import itertools
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from grading.models import (
    Adjudication,
    Discordance,
    JointSession,
    Mark,
    MarkDecision,
    MarkDiscordance,
    PanelReview,
    PanelVote,
    Rating,
    RatingEntry,
    Read,
    ReferenceGrade,
    ReferenceMark,
    UnseenImages,
)
from readerstudy.accounts.models import User
from readerstudy.imaging.models import ImageSet, ImagingStudy, Instance, Series
from readerstudy.studies.models import (
    Assignment,
    Case,
    CaseDuty,
    Centre,
    Draw,
    Landmark,
    Patient,
    Protocol,
    ReaderStudy,
    ReleasedAid,
    Signature,
    StudyRole,
)
from readerstudy.studies.protocols.loading import load_protocol

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
ROOT = Path(__file__).resolve().parents[2]
_number = itertools.count(1)


def next_number() -> int:
    return next(_number)


def facet_source(**changes: Mapping[str, Any]) -> str:
    """
    Return the shipped facet protocol, with sections changed.

    Parameters
    ----------
    **changes : mapping
        Section -> keys that replace those of the file, such as ``adjudication={"may_choose": "a-or-b"}``;
        ``findings`` and ``case_questions`` take id -> keys.
    """
    import yaml

    text = _shipped()
    if not changes:
        return text
    document = yaml.safe_load(text)
    for section in ("findings", "case_questions"):
        for name, keys in changes.pop(section, {}).items():
            next(each for each in document[section] if each["id"] == name).update(keys)
    for section, keys in changes.items():
        document[section].update(keys)
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


@cache
def _shipped() -> str:
    return (ROOT / "protocols" / "facet-joint-degeneration.yaml").read_text()


def user(username: str = "", **fields: Any) -> User:
    username = username or f"person-{next_number()}"
    fields.setdefault("display_name", f"Dr {username}")
    return User.objects.create_user(username=username, password=PASSWORD, **fields)


def reader_study(*, source: str = "", **fields: Any) -> ReaderStudy:
    """Return an open study with its frozen protocol."""
    fields.setdefault("slug", f"study-{next_number()}")
    fields.setdefault("title", f"Study {fields['slug']}")
    fields.setdefault("state", ReaderStudy.State.OPEN)
    fields.setdefault("created_at", AT)
    if fields["state"] != ReaderStudy.State.DRAFT:
        fields.setdefault("opened_at", AT)
    if fields["state"] in {ReaderStudy.State.LOCKED, ReaderStudy.State.UNBLINDED}:
        fields.setdefault("locked_at", AT)
    if fields["state"] == ReaderStudy.State.UNBLINDED:
        fields.setdefault("unblinded_at", AT)
    study = ReaderStudy.objects.create(**fields)
    protocol(study=study, source=source)
    return study


def protocol(*, study: ReaderStudy, source: str = "", **fields: Any) -> Protocol:
    source = source or _shipped()
    document = load_protocol(source)
    fields.setdefault("version", document.version)
    fields.setdefault("digest", document.digest)
    return Protocol.objects.create(study=study, source=source, created_at=AT, **{"frozen_at": AT, **fields})


def study_role(*roles: str, study: ReaderStudy, person: User | None = None, **fields: Any) -> StudyRole:
    """Give roles such as ``"reader"`` to a person, a new one by default."""
    fields.setdefault("code", f"X{next_number()}")
    fields.setdefault("granted_at", AT)
    held = {f"is_{role}": True for role in roles or ("reader",)}
    return StudyRole.objects.create(study=study, user=person or user(), **held, **fields)


def centre(*, study: ReaderStudy, **fields: Any) -> Centre:
    fields.setdefault("code", f"C{next_number()}")
    return Centre.objects.create(study=study, **fields)


def draw(*, study: ReaderStudy, **fields: Any) -> Draw:
    defaults = {"purpose": Draw.Purpose.ASSIGNMENT, "seed": 1, "result_digest": "0" * 64, "drawn_at": AT}
    fields.setdefault("number", next_number())
    return Draw.objects.create(study=study, **{**defaults, **fields})


def patient(*, study: ReaderStudy, **fields: Any) -> Patient:
    fields.setdefault("pseudonym", f"PAT-{next_number():05}")
    if "centre" not in fields:
        fields["centre"] = Centre.objects.filter(study=study).first() or centre(study=study)
    return Patient.objects.create(study=study, **fields)


def image_set(*, scope: uuid.UUID | None = None, **fields: Any) -> ImageSet:
    fields.setdefault("subject_key", uuid.uuid4().hex)
    return ImageSet.objects.create(scope=scope or uuid.uuid4(), created_at=AT, **fields)


def imaging_study(*, of: ImageSet, **fields: Any) -> ImagingStudy:
    fields.setdefault("blinded_uid", f"2.25.{uuid.uuid4().int}")
    fields.setdefault("laterality", "established")
    return ImagingStudy.objects.create(image_set=of, created_at=AT, **fields)


def series(*, of: ImagingStudy, **fields: Any) -> Series:
    defaults = {
        "blinded_uid": f"2.25.{uuid.uuid4().int}",
        "number": next_number(),
        "modality": "MR",
        "plane": "sagittal",
        "label": "MR sagittal",
        "rows": 16,
        "columns": 16,
        "n_instances": 1,
        "n_frames": 1,
    }
    return Series.objects.create(imaging_study=of, **{**defaults, **fields})


def instance(*, of: Series, **fields: Any) -> Instance:
    defaults = {
        "blinded_uid": f"2.25.{uuid.uuid4().int}",
        "n_frames": 1,
        "pixel_digest": uuid.uuid4().hex * 2,
        "dtype": "uint16",
        "transfer_syntax": "1.2.840.10008.1.2.1",
    }
    return Instance.objects.create(series=of, **{**defaults, **fields})


def case(*, study: ReaderStudy, **fields: Any) -> Case:
    """Return an included case without images, its levels numbered."""
    fields.setdefault("pseudonym", f"CASE-{next_number():05}")
    if "patient" not in fields:
        fields["patient"] = patient(study=study)
    defaults = {
        "status": Case.Status.INCLUDED,
        "sides_accepted_by_convention": True,
        "numbering": {"variant": "5", "by": "a doctor", "at": AT.isoformat()},
        "imported_at": AT,
    }
    return Case.objects.create(study=study, **{**defaults, **fields})


def case_duty(*, of: Case, person: User, duty: str = CaseDuty.Duty.READER) -> CaseDuty:
    return CaseDuty.objects.create(case=of, user=person, duty=duty)


def assignment(*, of: Case, person: User, duty: str = CaseDuty.Duty.READER, **fields: Any) -> Assignment:
    """Assign a case; the next place in the person's order by default."""
    held = CaseDuty.objects.filter(case=of, user=person).first() or case_duty(of=of, person=person, duty=duty)
    place = Assignment.objects.filter(study=of.study, user=person).count() + 1
    fields.setdefault("position", place)
    fields.setdefault("running_number", place)
    return Assignment.objects.create(duty=held, case=of, user=person, study=of.study, **fields)


def landmark(*, of: Case, **fields: Any) -> Landmark:
    defaults = {
        "structure": "L4-5-right",
        "frame_of_reference_uid": f"2.25.{uuid.uuid4().int}",
        "x_mm": 1.0,
        "y_mm": 2.0,
        "z_mm": 3.0,
        "source": Landmark.Source.IMPORTED,
        "set_at": AT,
    }
    return Landmark.objects.create(case=of, **{**defaults, **fields})


def released_aid(*, assignment: Assignment, **fields: Any) -> ReleasedAid:
    said = {"L4-5-right|cyst": {"grade": 1, "probabilities": [0.1, 0.9]}}
    defaults = {"payload": said, "model_digest": "a" * 64, "released_at": AT}
    return ReleasedAid.objects.create(assignment=assignment, **{**defaults, **fields})


def signature(*, study: ReaderStudy, signer: User, **fields: Any) -> Signature:
    defaults = {"meaning": "lock", "signed_digest": "0" * 64, "signed_at": AT}
    return Signature.objects.create(
        study=study,
        signer_id=signer.public_id,
        signer_name=signer.display_name,
        **{**defaults, **fields},
    )


def read(
    *,
    of: Assignment,
    grades: int | Mapping[tuple[str, str], Any] | None = None,
    submitted: bool = False,
    note: str = "",
    **fields: Any,
) -> Read:
    """
    Return the read of an assignment.

    Parameters
    ----------
    grades : int or mapping, optional
        One grade for every item (cut down to the scale), or answers by (structure, finding): a grade,
        or the fields of an answer. Nothing is answered by default; a mapping answers only what it names.
    submitted : bool
        Whether the read is closed, without the comparison that the service would make.
    note : str
        A note on every answer.
    """
    pinned = fields.pop("protocol", None) or of.study.protocols.order_by("-version")[0]
    made = Read.objects.create(
        assignment=of,
        protocol=pinned,
        case=of.case,
        reader=of.user,
        **{"opened_at": AT, **fields},
    )
    answers: dict[tuple[str, str], Any] = {}
    if isinstance(grades, int):
        answers = {item.key: min(grades, item.finding.n_grades - 1) for item in pinned.document.items}
    elif grades is not None:
        answers = dict(grades)
    Rating.objects.bulk_create(
        [
            Rating(
                read=made,
                structure=structure,
                finding=finding,
                note=note,
                saved_at=AT,
                **({"kind": "grade", "grade": given} if isinstance(given, int) else given),
            )
            for (structure, finding), given in answers.items()
        ]
    )
    if submitted:
        Read.objects.filter(pk=made.pk).update(state=Read.State.SUBMITTED, submitted_at=AT)
        made.refresh_from_db()
    return made


def all_grades(document: Any, grade: int = 0, **others: int) -> dict[tuple[str, str], int]:
    """
    Return a grade for every item, cut down to each scale.

    Parameters
    ----------
    **others : int
        By finding: another grade for that finding everywhere.
    """
    return {
        item.key: min(others.get(item.finding.id, grade), item.finding.n_grades - 1)
        for item in document.items
    }


def rating(*, of: Read, **fields: Any) -> Rating:
    defaults = {"structure": "L4-5-right", "finding": "narrowing", "kind": "grade", "grade": 1}
    return Rating.objects.create(read=of, saved_at=AT, **{**defaults, **fields})


def rating_entry(*, of: Read, **fields: Any) -> RatingEntry:
    defaults = {
        "client_key": uuid.uuid4(),
        "sequence": 1,
        "structure": "L4-5-right",
        "finding": "narrowing",
        "answer": {"kind": "grade", "grade": 1},
    }
    return RatingEntry.objects.create(read=of, saved_at=AT, **{**defaults, **fields})


def unseen_images(*, of: Read, **fields: Any) -> UnseenImages:
    defaults = {"series": ["Axial CT"], "reason": "not-loading", "submitted_at": AT}
    return UnseenImages.objects.create(read=of, **{**defaults, **fields})


def discordance(*, of: Case, order: list[int], **fields: Any) -> Discordance:
    defaults = {"structure": "L4-5-right", "finding": "narrowing", "opened_at": AT}
    pinned = of.study.protocols.order_by("-version")[0]
    return Discordance.objects.create(case=of, order=order, **{"protocol": pinned, **defaults, **fields})


def adjudication(*, of: Discordance, by: Assignment, **fields: Any) -> Adjudication:
    defaults = {"kind": "grade", "grade": 1, "choice": Adjudication.Choice.OWN, "settled_at": AT}
    return Adjudication.objects.create(
        discordance=of,
        assignment=by,
        structure=of.structure,
        finding=of.finding,
        **{**defaults, **fields},
    )


def panel_review(*, by: Assignment, **fields: Any) -> PanelReview:
    return PanelReview.objects.create(
        case=by.case, assignment=by, **{"opened_at": AT, "submitted_at": AT, **fields}
    )


def panel_vote(*, of: PanelReview, **fields: Any) -> PanelVote:
    defaults = {
        "structure": "L4-5-right",
        "finding": "narrowing",
        "kind": "grade",
        "grade": 2,
        "reason_code": "boundary",
        "voted_at": AT,
    }
    return PanelVote.objects.create(review=of, **{**defaults, **fields})


def reference_grade(*, of: Case, **fields: Any) -> ReferenceGrade:
    defaults = {
        "structure": "L4-5-right",
        "finding": "narrowing",
        "kind": "grade",
        "grade": 1,
        "provenance": ReferenceGrade.Provenance.AGREED,
        "basis": ReferenceGrade.Provenance.AGREED,
        "decided_at": AT,
    }
    return ReferenceGrade.objects.create(case=of, **{**defaults, **fields})


def _marked(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": "lesion",
        "mark_class": "bulge",
        "shape": "box3d",
        "series_uid": "2.25.1",
        "sop_uid": "2.25.2",
        "frame_of_reference_uid": "2.25.3",
        "points_px": [[1, 1], [4, 4]],
        "points_mm": [[0, 1, 1], [0, 4, 4]],
        "slices": [["2.25.2", 1], ["2.25.2", 1]],
        "box": {"min_mm": [0, 1, 1], "max_mm": [4, 4, 4]},
        **fields,
    }


def mark(*, of: Read, **fields: Any) -> Mark:
    fields.setdefault("mark_id", uuid.uuid4())
    return Mark.objects.create(read=of, saved_at=AT, **_marked({"confidence": 80, **fields}))


def mark_discordance(*, of: Case, order: list[int | None], **fields: Any) -> MarkDiscordance:
    pinned = of.study.protocols.order_by("-version")[0]
    defaults = {"protocol": pinned, "kind": "lesion", "opened_at": AT}
    return MarkDiscordance.objects.create(case=of, order=order, **{**defaults, **fields})


def mark_decision(*, of: MarkDiscordance, by: Assignment, **fields: Any) -> MarkDecision:
    defaults = {"choice": Adjudication.Choice.OWN, "settled_at": AT}
    return MarkDecision.objects.create(discordance=of, assignment=by, **{**defaults, **fields})


def reference_mark(*, of: Case, **fields: Any) -> ReferenceMark:
    defaults = {"provenance": "agreed", "basis": "agreed", "decided_at": AT}
    return ReferenceMark.objects.create(case=of, **_marked({**defaults, **fields}))


def joint_session(*, study: ReaderStudy, first: User, second: User, **fields: Any) -> JointSession:
    defaults = {"session_hash": uuid.uuid4().hex * 2, "opened_at": AT}
    return JointSession.objects.create(study=study, first=first, second=second, **{**defaults, **fields})
