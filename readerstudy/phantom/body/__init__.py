"""The anatomy of a phantom: frozen numbers, no pixels."""

from readerstudy.phantom.body.cervical import CervicalBody, sample_cervical_body
from readerstudy.phantom.body.lumbar import mirror_body, sample_body, with_grades
from readerstudy.phantom.body.parts import Body, Disc, Joint, Lesion, Variant, Vertebra

__all__ = [
    "Body",
    "CervicalBody",
    "Disc",
    "Joint",
    "Lesion",
    "Variant",
    "Vertebra",
    "mirror_body",
    "sample_body",
    "sample_cervical_body",
    "with_grades",
]
