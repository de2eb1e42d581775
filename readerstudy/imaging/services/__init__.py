"""What can be done with images."""

from readerstudy.imaging.services.capability import (
    OpenedCase,
    close_image_set,
    close_presentation,
    close_scope,
    close_session,
    open_case,
    set_capability_cookie,
)
from readerstudy.imaging.services.exporting import OriginalsNotKept, export_deidentified
from readerstudy.imaging.services.joining import (
    CannotJoin,
    CannotTakeOut,
    join_image_sets,
    take_out_images,
)
from readerstudy.imaging.services.receiving import create_batch, receive, request_fill
from readerstudy.imaging.services.stowing import Stored, store_instances
from readerstudy.imaging.services.subjects import (
    Identity,
    identity_of,
    mark_looked_at,
    patient_numbers,
    state_laterality,
    withdraw_images,
)
from readerstudy.imaging.services.uploading import (
    UploadRefused,
    add_uploaded_file,
    arrived_files,
    begin_upload,
    clear_old_arrivals,
    give_up_upload,
    missing_uploads,
)

__all__ = [
    "CannotJoin",
    "CannotTakeOut",
    "Identity",
    "OpenedCase",
    "OriginalsNotKept",
    "Stored",
    "UploadRefused",
    "add_uploaded_file",
    "arrived_files",
    "begin_upload",
    "clear_old_arrivals",
    "close_image_set",
    "close_presentation",
    "close_scope",
    "close_session",
    "create_batch",
    "export_deidentified",
    "give_up_upload",
    "identity_of",
    "join_image_sets",
    "mark_looked_at",
    "missing_uploads",
    "open_case",
    "patient_numbers",
    "receive",
    "request_fill",
    "set_capability_cookie",
    "state_laterality",
    "store_instances",
    "take_out_images",
    "withdraw_images",
]
