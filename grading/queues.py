"""What waits for a person: worklist, adjudication queue, panel queue. Own rows only, own numbers only."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from grading.access import open_to
from grading.blinding import PageFrame
from grading.models import (
    Adjudication,
    CaseComparison,
    Discordance,
    JointSession,
    MarkDecision,
    MarkDiscordance,
    PanelReview,
    Read,
    ReferenceGrade,
)
from grading.selectors import (
    confirmed_cases,
    n_open_items,
    open_discordances,
    open_mark_items,
    read_states,
)
from grading.services.joint import disputed_together, settles_jointly
from grading.sessions import IN_ORDER, SessionGate
from readerstudy.accounts.models import User
from readerstudy.imaging.selectors import modalities_of
from readerstudy.studies.models import Assignment, CaseDuty, ReaderStudy
from readerstudy.studies.navigation import protocol_title
from readerstudy.studies.selectors import role_code
from readerstudy.studies.wording import modality_words

MOST_ROWS = 100


@dataclass(frozen=True)
class QueueRow:
    """One case of a queue."""

    key: str
    running_number: int
    state: str
    state_text: str
    n_done: int
    n_items: int
    modalities: str
    address: str
    where: str = ""


@dataclass(frozen=True)
class Queue:
    """A person's queue in one study."""

    frame: PageFrame
    slug: str
    is_open: bool
    rows: tuple[QueueRow, ...]
    n_cases: int
    n_submitted: int
    n_items: int = 0
    # Where the two readers settle together, once all of one's own are submitted.
    joint_address: str = ""
    # How many rows there are; the page shows a part of a long list.
    n_rows: int = 0

    @property
    def shown(self) -> tuple[QueueRow, ...]:
        """The rows to draw: all of a short list, else those around the one to go on with."""
        if len(self.rows) <= MOST_ROWS:
            return self.rows
        here = self.rows.index(self.current) if self.current else len(self.rows)
        start = max(0, min(here - MOST_ROWS // 4, len(self.rows) - MOST_ROWS))
        return self.rows[start : start + MOST_ROWS]

    @property
    def n_hidden(self) -> int:
        return max(self.n_rows, len(self.rows)) - len(self.shown)

    @property
    def current(self) -> QueueRow | None:
        """The row to go on with."""
        return next((row for row in self.rows if row.address and row.state != "submitted"), None)


def frame_of(study: ReaderStudy, user: User) -> PageFrame:
    protocol = study.protocols.order_by("-version")[0]
    return PageFrame(
        title=protocol_title(study, protocol),
        is_demonstration=study.is_demonstration,
        protocol_version=protocol.version,
        protocol_digest=protocol.short_digest,
        person_code=role_code(study=study, user=user),
    )


def _assigned(study: ReaderStudy, user: User, duty: str) -> "QuerySet[Assignment]":
    return Assignment.objects.filter(
        study=study, user=user, duty__duty=duty, withdrawn_at__isnull=True, case__status="included"
    ).order_by(*IN_ORDER)


def _mine(study: ReaderStudy, user: User, duty: str) -> list[Assignment]:
    return list(_assigned(study, user, duty).select_related("case__image_set").order_by(*IN_ORDER))


def _modalities(assignments: Sequence[Assignment]) -> dict[int, str]:
    found = modalities_of([each.case.image_set_id for each in assignments if each.case.image_set_id])
    return {each.pk: modality_words(found.get(each.case.image_set_id or 0, ())) for each in assignments}


def _n_done(read: Read | None, n_items: int) -> int:
    if read is None:
        return 0
    return n_items if read.state == Read.State.SUBMITTED else read.n_answers


def worklist_of(
    *,
    study: ReaderStudy,
    reader: User,
    duty: str = CaseDuty.Duty.READER,
    gates: dict[int, SessionGate] | None = None,
) -> Queue:
    """
    Return the worklist of a reader, or of a panel member who reads, in the stored order.

    Parameters
    ----------
    gates : dict, optional
        Where the caller has asked for them already.
    """
    assignments = _mine(study, reader, duty)
    reads = read_states(assignments)
    modalities = _modalities(assignments)
    is_open = study.state == ReaderStudy.State.OPEN
    allowed = open_to(reader, study, gates=gates) if is_open else set()
    document = study.protocols.order_by("-version")[0].document
    n_items = len(document.items)
    rows = []
    for each in assignments:
        read = reads.get(each.pk)
        if read is None:
            state, text = "waiting", _("Not started")
            if each.public_id in allowed:
                state, text = "next", _("Next")
        elif read.state == Read.State.SUBMITTED:
            state, text = "submitted", _("Submitted")
        else:
            state, text = "in_progress", _("Reopened") if read.version > 1 else _("In progress")
        can_open = state in {"in_progress", "next"} and each.public_id in allowed
        rows.append(
            QueueRow(
                key=str(each.public_id),
                running_number=each.running_number,
                state=state,
                state_text=text,
                n_done=_n_done(read, n_items),
                n_items=n_items,
                modalities=modalities[each.pk],
                address=reverse("grading:read_case", kwargs={"assignment": each.public_id})
                if can_open
                else "",
            )
        )
    return Queue(
        frame=frame_of(study, reader),
        slug=study.slug,
        is_open=is_open,
        rows=tuple(rows),
        n_cases=len(rows),
        n_submitted=sum(row.state == "submitted" for row in rows),
        n_items=n_items,
        joint_address=_joint_address(study)
        if duty == CaseDuty.Duty.READER and is_open and rows and all(row.state == "submitted" for row in rows)
        else "",
    )


def _joint_address(study: ReaderStudy) -> str:
    return reverse("grading:joint_list", kwargs={"slug": study.slug}) if settles_jointly(study) else ""


def adjudication_queue(*, study: ReaderStudy, adjudicator: User) -> Queue:
    """Return the adjudicator's cases with items to settle, in the stored order; of a long list the first ones."""
    mine = _assigned(study, adjudicator, CaseDuty.Duty.ADJUDICATOR)
    cases = mine.values("case")
    waiting = dict(
        open_discordances(cases).values_list("case_id").annotate(n=Count("pk")).values_list("case_id", "n")
    )
    for case_id, n in (
        open_mark_items(cases).values_list("case_id").annotate(n=Count("pk")).values_list("case_id", "n")
    ):
        waiting[case_id] = waiting.get(case_id, 0) + n
    first = [pk for pk in mine.values_list("case_id", flat=True) if waiting.get(pk)][: MOST_ROWS + 1]
    assignments = list(mine.filter(case__in=first).select_related("case__image_set"))
    total = dict(Discordance.objects.filter(case_id__in=first).values_list("case_id").annotate(n=Count("pk")))
    disputed_marks = MarkDiscordance.objects.filter(case_id__in=first).values_list("case_id")
    for case_id, n in disputed_marks.annotate(n=Count("pk")):
        total[case_id] = total.get(case_id, 0) + n
    modalities = _modalities(assignments)
    is_open = study.state == ReaderStudy.State.OPEN
    rows = tuple(
        QueueRow(
            key=str(each.public_id),
            running_number=each.running_number,
            state="waiting",
            state_text="",
            n_done=total[each.case_id] - waiting[each.case_id],
            n_items=waiting[each.case_id],
            modalities=modalities[each.pk],
            address=reverse("grading:adjudicate_case", kwargs={"assignment": each.public_id})
            if is_open
            else "",
        )
        for each in assignments
    )
    return Queue(
        frame=frame_of(study, adjudicator),
        slug=study.slug,
        is_open=is_open,
        rows=rows,
        n_cases=len(waiting),
        n_submitted=0,
        n_items=sum(waiting.values()),
        n_rows=len(waiting),
    )


def joint_queue(*, study: ReaderStudy, joint: JointSession | None, reader: User) -> Queue:
    """Return the cases that the two readers of a session may settle together; none without a session."""
    showings = (
        disputed_together(study=study, first=joint.first, second=joint.second)
        if joint is not None and study.state == ReaderStudy.State.OPEN
        else []
    )
    modalities = _modalities(showings)
    rows = tuple(
        QueueRow(
            key=str(each.public_id),
            running_number=each.running_number,
            state="waiting",
            state_text="",
            n_done=0,
            n_items=n_open_items(each.case_id),
            modalities=modalities[each.pk],
            address=reverse("grading:joint_case", kwargs={"assignment": each.public_id}),
        )
        for each in showings
    )
    frame = frame_of(study, reader)
    if joint is not None:
        frame = replace(
            frame, person_code=f"{frame.person_code} + {role_code(study=study, user=joint.second)}"
        )
    return Queue(
        frame=frame,
        slug=study.slug,
        is_open=study.state == ReaderStudy.State.OPEN,
        rows=rows,
        n_cases=len(rows),
        n_submitted=0,
        n_items=sum(row.n_items for row in rows),
    )


def _voted(member: User, cases: Sequence[int]) -> set[int]:
    """Return those of the cases on which the member has voted in the present round."""
    if not cases:
        return set()
    given = PanelReview.objects.filter(assignment__user=member, submitted_at__isnull=False)
    votes = list(given.values_list("case_id", "round"))
    sent_back = dict(
        Adjudication.objects.filter(
            discordance__case_id__in=[case for case, _ in votes], superseded_at__isnull=False
        )
        .values_list("discordance__case_id")
        .annotate(n=Count("pk"))
    )
    for case, n in (
        MarkDecision.objects.filter(
            discordance__case_id__in=[vote[0] for vote in votes], superseded_at__isnull=False
        )
        .values_list("discordance__case_id")
        .annotate(n=Count("pk"))
    ):
        sent_back[case] = sent_back.get(case, 0) + n
    return {case for case, number in votes if number == sent_back.get(case, 0) + 1}


def panel_queue(*, study: ReaderStudy, member: User) -> Queue:
    """Return the panel member's settled cases without their vote, in the stored order."""
    mine = _assigned(study, member, CaseDuty.Duty.PANEL)
    n_cases = mine.count()
    confirmed = confirmed_cases(mine.values("case"))
    open_cases = {
        *open_discordances(mine.values("case")).values_list("case_id", flat=True).distinct(),
        *open_mark_items(mine.values("case")).values_list("case_id", flat=True),
    }
    compared = mine.filter(
        Exists(CaseComparison.objects.filter(case=OuterRef("case")))
        | Exists(ReferenceGrade.objects.filter(case=OuterRef("case")))
        | Exists(Discordance.objects.filter(case=OuterRef("case")))
    )
    ready = [
        each
        for each in compared.values_list("pk", "case_id")
        if each[1] not in confirmed and each[1] not in open_cases
    ]
    voted = _voted(member, [case for _, case in ready])
    ready = [pk for pk, case in ready if case not in voted]
    assignments = list(mine.filter(pk__in=ready[: MOST_ROWS + 1]).select_related("case__image_set"))
    modalities = _modalities(assignments)
    is_open = study.state == ReaderStudy.State.OPEN
    adjudicated: Counter[int] = Counter()
    for settled in (Discordance.objects.filter(is_audit=False), MarkDiscordance.objects.all()):
        here = settled.filter(case_id__in=[each.case_id for each in assignments])
        adjudicated.update(dict(here.values_list("case_id").annotate(n=Count("pk"))))
    rows = tuple(
        QueueRow(
            key=str(each.public_id),
            running_number=each.running_number,
            state="waiting",
            state_text="",
            n_done=0,
            n_items=adjudicated[each.case_id],
            modalities=modalities[each.pk],
            address=reverse("grading:confirm_case", kwargs={"assignment": each.public_id}) if is_open else "",
        )
        for each in assignments
    )
    return Queue(
        frame=frame_of(study, member),
        slug=study.slug,
        is_open=is_open,
        rows=rows,
        n_cases=n_cases,
        n_submitted=len(confirmed),
        n_rows=len(ready),
    )


def next_case(queue: Queue, *, after: UUID) -> str:
    """Return the address of the case that follows one in a queue, or of the queue itself."""
    keys = [row.key for row in queue.rows]
    here = keys.index(str(after)) if str(after) in keys else -1
    others = [*queue.rows[here + 1 :], *queue.rows[: max(here, 0)]]
    return others[0].address if others else ""
