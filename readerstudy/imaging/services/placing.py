"""Where the files of an import go: each one's outcome, its frames, and the series that it renews."""

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Max

from readerstudy.dicom.attributes import element
from readerstudy.dicom.frames import Json
from readerstudy.dicom.series import describe
from readerstudy.imaging import stores
from readerstudy.imaging.intake_queue import Item
from readerstudy.imaging.models import (
    ImageSet,
    ImagingStudy,
    ImportBatch,
    ImportOutcome,
    Instance,
    Series,
)
from readerstudy.imaging.rows import insert_rows
from readerstudy.imaging.uids import UidMap, subject_key

Outcome = ImportOutcome.Outcome

OTHER_PATIENT = "this imaging study already belongs to another patient"
OTHER_PLACE = "an image with this UID is already there in another series; it stays"
OTHER_PIXELS = "an image with this UID but other pixels is already there; it stays"
ALREADY_THERE = "the same image is already there"
WITHDRAWN = "this patient's images were withdrawn from the reader study"


_OUTCOME_FIELDS = ("batch", "number", "name_key", "name_sealed", "outcome", "reason", "image_set")
_INSTANCE_FIELDS = (
    *("series", "blinded_uid", "index", "n_frames", "pixel_digest"),
    *("dtype", "transfer_syntax", "instance_number"),
)


@dataclass
class _NewInstance:
    uid: str
    attributes: Json
    answer: dict[str, Any]


@dataclass
class Chunk:
    """Writes one chunk: decides each file's outcome, moves its frames, renews the series it touched."""

    batch: ImportBatch
    at: datetime
    first_number: int
    _sets: dict[str, ImageSet] = field(default_factory=dict)
    _shown: dict[int, ImageSet] = field(default_factory=dict)
    _studies: dict[str, ImagingStudy] = field(default_factory=dict)
    _series: dict[str, Series] = field(default_factory=dict)
    _instances: dict[str, tuple[str, str]] = field(default_factory=dict)
    _identities: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    _new: dict[str, list[_NewInstance]] = field(default_factory=dict)
    _subjects: dict[tuple[str, str], str] = field(default_factory=dict)
    _folders: dict[str, Path] = field(default_factory=dict)

    def write(self, items: list[Item]) -> list[ImportOutcome.Outcome]:
        """Write and return the outcomes of `items`; called inside a transaction."""
        scope = self.batch.scope
        uids = UidMap.for_scope(scope)
        blinded = [
            {kind: uids.uid(uid) for kind, uid in item.answer["uids"].items()}
            if "uids" in item.answer
            else {}
            for item in items
        ]
        self._load(items, blinded)
        outcomes: list[ImportOutcome.Outcome] = []
        rows = []
        for number, (item, names) in enumerate(zip(items, blinded, strict=True), start=self.first_number + 1):
            image_set: ImageSet | None = None
            if "refused" in item.answer:
                outcome, reason = Outcome.REFUSED, str(item.answer["refused"])
            else:
                outcome, reason, image_set = self._place(item, names, uids)
            outcomes.append(outcome)
            rows.append(
                (
                    self.batch.pk,
                    number,
                    item.name_key,
                    stores.seal_name(scope, item.name),
                    outcome.value,
                    reason[:200],
                    image_set.pk if image_set is not None else None,
                )
            )
        for uid, new in self._new.items():
            self._renew(self._series[uid], new)
        for public_id, identity in self._identities.items():
            stores.write_identity(scope, public_id, identity)
        # A file may stand twice under one name in an archive; its first outcome counts.
        insert_rows(ImportOutcome, _OUTCOME_FIELDS, rows, ignore_conflicts=True)
        return outcomes

    def _load(self, items: list[Item], blinded: list[dict[str, str]]) -> None:
        """Read what is already there for the UIDs and patients of this chunk, in four or five queries."""
        keys = {self._subject(item) for item in items if "identity" in item.answer}
        # Locked, so that two imports of one patient do not renew the same series at once (PostgreSQL).
        locked = ImageSet.objects.select_for_update().filter(scope=self.batch.scope, subject_key__in=keys)
        for image_set in locked.order_by("pk"):
            self._sets[image_set.subject_key] = image_set
        joined = [each.joined_into_id for each in self._sets.values() if each.joined_into_id]
        self._shown = ImageSet.objects.in_bulk(joined) if joined else {}
        known = {
            kind: {names[kind] for names in blinded if names} for kind in ("study", "series", "instance")
        }
        studies = ImagingStudy.objects.filter(blinded_uid__in=known["study"]).select_related(
            "image_set", "drawer"
        )
        self._studies = {study.blinded_uid: study for study in studies}
        series = Series.objects.filter(blinded_uid__in=known["series"]).select_related(
            "imaging_study__image_set", "imaging_study__drawer"
        )
        self._series = {row.blinded_uid: row for row in series}
        instances = Instance.objects.filter(blinded_uid__in=known["instance"])
        self._instances = {
            uid: (series_uid, digest)
            for uid, series_uid, digest in instances.values_list(
                "blinded_uid", "series__blinded_uid", "pixel_digest"
            )
        }

    def _subject(self, item: Item) -> str:
        identity = item.answer["identity"]
        # Nobody is named: what belongs together is the study alone (the space keeps it apart from any number).
        named = (
            (identity["issuer"], identity["patient_id"])
            if identity["patient_id"]
            else (" study", item.answer["uids"]["study"])
        )
        if named not in self._subjects:
            self._subjects[named] = subject_key(self.batch.scope, issuer=named[0], patient_id=named[1])
        return self._subjects[named]

    def _place(
        self, item: Item, names: dict[str, str], uids: UidMap
    ) -> tuple[ImportOutcome.Outcome, str, ImageSet | None]:
        key = self._subject(item)
        image_set = self._sets.get(key)
        study = self._studies.get(names["study"])
        if study is not None and not self._is_same_patient(study, image_set):
            return Outcome.CONFLICT, OTHER_PATIENT, None
        if image_set is not None and image_set.withdrawn_at is not None:
            return Outcome.REFUSED, WITHDRAWN, image_set
        if study is not None and study.image_set.withdrawn_at is not None:
            return Outcome.REFUSED, WITHDRAWN, image_set
        series = self._series.get(names["series"])
        if series is not None and series.imaging_study.blinded_uid != names["study"]:
            return Outcome.CONFLICT, OTHER_PLACE, image_set
        there = self._instances.get(names["instance"])
        if there is not None:
            if there[0] != names["series"]:
                return Outcome.CONFLICT, OTHER_PLACE, image_set
            if there[1] != item.answer["digest"]:
                return Outcome.CONFLICT, OTHER_PIXELS, image_set
            return Outcome.DUPLICATE, ALREADY_THERE, image_set
        if image_set is None:
            image_set = ImageSet.objects.create(
                # Of the key, not random: a chunk that is written again after a crash finds its folders.
                public_id=UUID(key[:32]),
                scope=self.batch.scope,
                subject_key=key,
                created_at=self.at,
            )
            self._sets[key] = image_set
        if study is None:
            shown = self._shows(image_set)
            study = ImagingStudy.objects.create(
                image_set=shown,
                drawer=image_set if shown != image_set else None,
                blinded_uid=names["study"],
                laterality=self.batch.laterality,
                laterality_source=self.batch.laterality_source,
                created_at=self.at,
            )
            self._studies[names["study"]] = study
        if series is None:
            last = study.series.aggregate(last=Max("number"))["last"] or 0
            series = Series.objects.create(
                imaging_study=study,
                blinded_uid=names["series"],
                number=last + 1,
                modality=item.answer["attributes"]["00080060"]["Value"][0],
                plane="unknown",
                label="",
                rows=0,
                columns=0,
            )
            self._series[names["series"]] = series
        self._take(item, names, uids, series)
        return Outcome.STORED, item.answer["note"], image_set

    def _shows(self, image_set: ImageSet) -> ImageSet:
        """Return the set that shows what comes under this set's number."""
        return self._shown[image_set.joined_into_id] if image_set.joined_into_id else image_set

    def _is_same_patient(self, study: ImagingStudy, image_set: ImageSet | None) -> bool:
        """Return whether a study may come under the number of this set: its own, or one of the same patient."""
        if image_set is None:
            return False
        return study.home == image_set or study.image_set == self._shows(image_set)

    def _take(self, item: Item, names: dict[str, str], uids: UidMap, series: Series) -> None:
        home = series.imaging_study.home
        answer = item.answer
        attributes = uids.attributes(answer["attributes"])
        attributes["00083002"] = element("UI", answer["transfer_syntax"])
        attributes |= stores.seals_of(names["instance"], answer["checks"])
        folder = self._folders.get(names["series"])
        if folder is None:
            folder = self._folders[names["series"]] = self._folder(series)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for frame in range(1, answer["n_frames"] + 1):
            os.replace(f"{item.staged}_{frame}", f"{folder}/{stores.frame_name(names['instance'], frame)}")
        if self.batch.keep_originals and item.path is not None:
            stores.keep_original(self.batch.scope, home.public_id, names["instance"], item.path.read_bytes())
        self._note_identity(home, names["study"], answer)
        self._instances[names["instance"]] = (names["series"], answer["digest"])
        self._new.setdefault(names["series"], []).append(_NewInstance(names["instance"], attributes, answer))

    def _folder(self, series: Series) -> Path:
        study = series.imaging_study
        root = stores.view_root(self.batch.scope, study.home.public_id)
        return stores.series_folder(root, study.blinded_uid, series.blinded_uid)

    def _note_identity(self, image_set: ImageSet, study: str, answer: dict[str, Any]) -> None:
        identity = self._identities.get(image_set.public_id)
        if identity is None:
            identity = stores.read_identity(self.batch.scope, image_set.public_id)
            self._identities[image_set.public_id] = identity
        said = answer["identity"]
        for name in ("patient_id", "issuer", "name", "birth_date", "sex"):
            identity.setdefault(name, said[name])
        identity.setdefault("studies", {}).setdefault(
            study,
            {
                "study_uid": answer["uids"]["study"],
                "study_date": said["study_date"],
                "accession_number": said["accession_number"],
                "study_description": said["study_description"],
            },
        )

    def _renew(self, series: Series, new: list[_NewInstance]) -> None:
        """Add instances to a series: classify, order and number it again, and write its attributes."""
        study = series.imaging_study
        folder = self._folder(series)
        # Place in the reading order and instance number of each; the new ones have no place yet.
        placed: dict[str, tuple[int | None, float]] = {
            uid: (index, number)
            for uid, index, number in series.instances.values_list("blinded_uid", "index", "instance_number")
        }
        placed |= {item.uid: (None, item.answer["instance_number"]) for item in new}
        added = {item.uid for item in new}
        # A crash between writing the attributes and committing leaves entries without a row: they are made anew.
        kept = [
            entry
            for entry in stores.read_metadata(folder)
            if (uid := entry["00080018"]["Value"][0]) in placed and uid not in added
        ]
        entries = kept + [item.attributes for item in new]
        numbers = [placed[entry["00080018"]["Value"][0]][1] for entry in entries]
        weightings = [series.weighting] * len(kept) + [item.answer["weighting"] for item in new]
        facts = describe(entries, numbers=numbers, weightings=weightings)
        ordered = [entries[index] for index in facts.order]
        moved: list[tuple[int, str]] = []
        places: dict[str, int] = {}
        for index, entry in enumerate(ordered):
            entry["00200011"] = element("IS", series.number)
            entry["00200013"] = element("IS", index + 1)
            entry["0008103E"] = element("LO", facts.label)
            uid = entry["00080018"]["Value"][0]
            places[uid] = index
            if uid not in added and placed[uid][0] != index:
                moved.append((index, uid))
        insert_rows(Instance, _INSTANCE_FIELDS, (_row(series, item, places[item.uid]) for item in new))
        _move(moved)
        stores.write_metadata(folder, [dict(sorted(entry.items())) for entry in ordered])
        references = {entry["00200052"]["Value"][0] for entry in ordered if "00200052" in entry}
        complete = all("00200052" in entry for entry in ordered)
        series.modality, series.plane, series.weighting = facts.modality, facts.plane, facts.weighting
        series.label, series.rows, series.columns = facts.label, facts.rows, facts.columns
        series.n_instances, series.n_frames = len(ordered), facts.n_frames
        series.has_geometry, series.has_spacing = facts.has_geometry, facts.has_spacing
        series.frame_of_reference_uid = references.pop() if len(references) == 1 and complete else ""
        reasons = [item.answer["burned_in"] for item in new if item.answer["burned_in"]]
        if reasons:
            # The strongest of them, as the alphabet has it; images that came later have not been looked at.
            series.burned_in = max(series.burned_in, *reasons)
            series.burned_in_checked_at = None
        series.save()
        modalities = sorted(set(study.series.values_list("modality", flat=True)))
        if study.modalities != "\\".join(modalities):
            study.modalities = "\\".join(modalities)[:64]
            study.save(update_fields=["modalities"])
        stores.remove_views(self.batch.scope, study.image_set.public_id)


def _row(series: Series, new: _NewInstance, index: int) -> tuple[Any, ...]:
    answer = new.answer
    return (
        *(series.pk, new.uid, index, answer["n_frames"], answer["digest"]),
        *(answer["dtype"], answer["transfer_syntax"], answer["instance_number"]),
    )


def _move(moved: list[tuple[int, str]]) -> None:
    """Give instances their new places; bulk_update's CASE over hundreds of rows takes ten times as long."""
    if not moved:
        return
    table, name = (connection.ops.quote_name(word) for word in (Instance._meta.db_table, "index"))
    with connection.cursor() as cursor:
        cursor.executemany(f"UPDATE {table} SET {name} = %s WHERE blinded_uid = %s", moved)  # noqa: S608
