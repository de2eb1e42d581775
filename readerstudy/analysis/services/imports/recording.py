"""The audit event of an import."""

import hashlib
from datetime import datetime

from readerstudy.core.audit import Actor, record
from readerstudy.studies.models import ReaderStudy


def note_import(
    *, study: ReaderStudy, table: str, n_rows: int, text: str, source: str, actor: Actor | None, at: datetime
) -> None:
    """Record which table entered, from where, and the digest of its text."""
    record(
        event="analysis.data.imported",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="study",
        subject_id=study.public_id,
        table=table,
        n_rows=n_rows,
        source=source,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )
