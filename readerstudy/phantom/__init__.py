"""
Synthetic patients and simulated readers.

Everything made here is synthetic and says so: no graded facet-joint images can be had publicly.
"""

from readerstudy.phantom.body import Body, Joint, mirror_body, sample_body, with_grades
from readerstudy.phantom.files import generator_digest, kept_folder, write_case, write_folder
from readerstudy.phantom.readers import ReaderModel, simulate_reads
from readerstudy.phantom.render import Volume, joint_crop, render_ct, render_disc_axials, render_mr
from readerstudy.phantom.scanner import SCANNERS, Scanner

__all__ = [
    "SCANNERS",
    "Body",
    "Joint",
    "ReaderModel",
    "Scanner",
    "Volume",
    "generator_digest",
    "joint_crop",
    "kept_folder",
    "mirror_body",
    "render_ct",
    "render_disc_axials",
    "render_mr",
    "sample_body",
    "simulate_reads",
    "with_grades",
    "write_case",
    "write_folder",
]
