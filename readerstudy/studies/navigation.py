"""The frame of a study's office pages: title, state, protocol, and where one may go."""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as N_

from readerstudy.accounts.models import User
from readerstudy.studies.models import Protocol, ReaderStudy, StudyRole
from readerstudy.studies.services.studies import current_protocol


@dataclass(frozen=True)
class Entry:
    label: str
    address: str
    is_current: bool
    count: int | None = None


@dataclass(frozen=True)
class Group:
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class StudyFrame:
    """What the frame of a study's page shows."""

    slug: str
    title: str
    state: str
    state_text: str
    is_demonstration: bool
    protocol_version: int
    protocol_digest: str
    navigation: tuple[Group, ...]

    def leads_to(self, name: str) -> bool:
        """Return whether the person's navigation holds a page, by its URL name."""
        address = reverse(name, kwargs={"slug": self.slug})
        return any(entry.address == address for group in self.navigation for entry in group.entries)


def _state_text(study: ReaderStudy) -> str:
    match study.state:
        case ReaderStudy.State.OPEN:
            return _("Open since %(date)s") % {"date": date_format(study.opened_at)}
        case ReaderStudy.State.LOCKED:
            return _("Locked %(date)s") % {"date": date_format(study.locked_at)}
        case ReaderStudy.State.UNBLINDED:
            return _("Unblinded %(date)s") % {"date": date_format(study.unblinded_at)}
        case _:
            return _("Draft")


# (group title or "", [(label, URL name, roles that see it)]); pages of rooms above are linked by name.
_OFFICE = ("is_coordinator", "is_investigator", "is_auditor")
_PAGES = (
    (
        "",
        (
            (N_("Overview"), "grading:overview", _OFFICE),
            (N_("Cases"), "studies:cases", (*_OFFICE, "is_screener")),
            (N_("Images"), "studies:images", ("is_coordinator",)),
            (N_("Assignments"), "studies:assignments", _OFFICE),
            (N_("Reading progress"), "grading:monitor", _OFFICE),
            (N_("Reader training"), "grading:practice_desk", _OFFICE),
            (N_("Queries"), "studies:queries", ("is_coordinator",)),
        ),
    ),
    (
        N_("Study"),
        (
            (N_("Protocol"), "studies:protocol", _OFFICE),
            (N_("Models and runs"), "inference:runs", ("is_coordinator",)),
            (N_("Aid for readers"), "analysis:aid", ("is_coordinator",)),
            (N_("Results"), "analysis:results", _OFFICE),
            (N_("Team"), "studies:team", _OFFICE),
            (N_("Invitations"), "studies:invitations", ("is_coordinator",)),
        ),
    ),
    (
        N_("Records"),
        (
            (N_("Deviations"), "studies:deviations", _OFFICE),
            (N_("Take in a table"), "analysis:take_table", ("is_coordinator", "is_investigator")),
            (N_("De-identified copies"), "studies:copies", ("is_coordinator", "is_investigator")),
            (N_("Export"), "analysis:export", ("is_investigator", "is_auditor")),
            (N_("Audit log"), "analysis:audit", ("is_auditor", "is_investigator", "is_coordinator")),
        ),
    ),
)


def study_frame(*, study: ReaderStudy, user: User, current: str = "") -> StudyFrame:
    """
    Return the frame for a person's page in a study.

    Parameters
    ----------
    current : str
        URL name of the page, such as ``"grading:overview"``.
    """
    role = StudyRole.objects.filter(study=study, user=user).first()
    protocol = current_protocol(study)
    reading = protocol.document.reading
    # Pages of what only some protocols ask for, and rows that nobody takes before unblinding.
    left_out = {
        name
        for name, is_asked in (
            ("analysis:aid", "aided" in reading["conditions"]),
            ("grading:practice_desk", bool(reading.get("training") or reading.get("calibration"))),
            ("analysis:export", study.state == ReaderStudy.State.UNBLINDED),
        )
        if not is_asked
    }
    groups = []
    for title, pages in _PAGES:
        entries = []
        for label, name, roles in pages:
            if role is None or not any(getattr(role, each) for each in roles):
                continue
            if name in left_out:
                continue
            try:
                address = reverse(name, kwargs={"slug": study.slug})
            except NoReverseMatch:
                continue
            entries.append(Entry(_(label), address, name == current))
        if entries:
            groups.append(Group(_(title) if title else "", tuple(entries)))
    return StudyFrame(
        slug=study.slug,
        title=protocol_title(study),
        state=study.state,
        state_text=_state_text(study),
        is_demonstration=study.is_demonstration,
        protocol_version=protocol.version,
        protocol_digest=protocol.short_digest,
        navigation=tuple(groups),
    )


def protocol_title(study: ReaderStudy, protocol: Protocol | None = None) -> str:
    """Return the study's title; the protocol's own title in the page's language where it was not changed."""
    from django.utils.translation import get_language

    title = (protocol or current_protocol(study)).document.title
    return title.in_language(get_language() or "en") if study.title == str(title) else study.title
