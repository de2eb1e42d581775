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
from readerstudy.imaging.services.receiving import create_batch, receive, request_fill
from readerstudy.imaging.services.subjects import (
    Identity,
    identity_of,
    state_laterality,
    withdraw_images,
)

__all__ = [
    "Identity",
    "OpenedCase",
    "close_image_set",
    "close_presentation",
    "close_scope",
    "close_session",
    "create_batch",
    "identity_of",
    "open_case",
    "receive",
    "request_fill",
    "set_capability_cookie",
    "state_laterality",
    "withdraw_images",
]
