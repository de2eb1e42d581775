"""The anatomy of a phantom: frozen numbers, no pixels."""

from readerstudy.phantom.body.lumbar import mirror_body, sample_body, with_grades
from readerstudy.phantom.body.parts import Body, Disc, Joint, Variant, Vertebra

__all__ = ["Body", "Disc", "Joint", "Variant", "Vertebra", "mirror_body", "sample_body", "with_grades"]
