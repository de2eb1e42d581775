"""Images that a protocol requires and that were not shown at full quality: told by the page, judged here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from grading.models import Read, UnseenImages
from grading.places import presentation_alias
from grading.required_images import required_series
from readerstudy.core.audit import record
from readerstudy.imaging.selectors import study_table
from readerstudy.studies.services.coordination import note_deviation

UNSEEN_REASONS = (
    ("not-loading", _("They do not load")),
    ("damaged", _("They are damaged")),
    ("enough", _("Every answer follows from what was shown")),
    ("other", _("Another reason")),
)


@dataclass(frozen=True)
class ImagesShown:
    """
    What a page says of the images at the moment of submitting.

    Parameters
    ----------
    series : frozenset of str
        Series UIDs, as the presentation shows them, of which every image was there while the series was shown.
    reason, words : str
        A code of `UNSEEN_REASONS` and words of the reader's own, where required images are not among them.
    """

    series: frozenset[str] = frozenset()
    reason: str = ""
    words: str = ""

    @property
    def says_why(self) -> bool:
        """Whether a reason is given; "another reason" needs words."""
        return self.reason in dict(UNSEEN_REASONS) and (self.reason != "other" or bool(self.words.strip()))

    @classmethod
    def all_of(cls, read: Read) -> "ImagesShown":
        """Return that every series of a read's case was shown; for simulated readers."""
        images = read.assignment.case.image_set
        alias = presentation_alias(read.assignment)
        return cls(
            frozenset(each.series_uid for each in study_table(images, alias=alias)) if images else frozenset()
        )


NOTHING_SHOWN = ImagesShown()


class ImagesNotShown(Exception):
    """Required images were not shown at full quality; `series` are their labels. Nothing was changed."""

    def __init__(self, series: Sequence[str]) -> None:
        self.series = tuple(series)
        super().__init__(
            _(
                "Not shown at full quality: %(series)s. Your answers are saved. "
                "Look at the images again, or say why the case is submitted without them."
            )
            % {"series": ", ".join(self.series)}
        )


def unseen_series(read: Read, images: ImagesShown) -> tuple[str, ...]:
    """Return the labels of the series that the read's protocol requires and that were not shown."""
    image_set = read.assignment.case.image_set
    if image_set is None or image_set.withdrawn_at is not None:
        return ()
    rows = study_table(image_set, alias=presentation_alias(read.assignment))
    required = required_series(read.protocol.document, rows)
    return tuple(each.label for each in required if each.series_uid not in images.series)


def note_unseen(*, read: Read, images: ImagesShown, at: datetime) -> UnseenImages:
    """Keep why a read is submitted without required images, for its coordinator too; part of submitting it."""
    with override("en"):
        series = unseen_series(read, images)
        reason = str(dict(UNSEEN_REASONS)[images.reason])
    words = images.words.strip()
    said = f"{reason}: {words}" if words else reason
    assignment = read.assignment
    record(
        event="grading.read.images_unseen",
        at=at,
        actor=read.reader,
        study_id=assignment.study.public_id,
        subject_type="read",
        subject_id=read.public_id,
        number=assignment.running_number,
        series=", ".join(series),
        reason=said,
    )
    note_deviation(
        study=assignment.study,
        text=f"Submitted without seeing {', '.join(series)} at full quality. {said}",
        happened_on=at.date(),
        actor=read.reader,
        at=at,
        case=assignment.case,
        user=read.reader,
    )
    return UnseenImages.objects.create(
        read=read, series=list(series), reason=images.reason, words=words, submitted_at=at
    )
