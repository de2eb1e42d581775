"""Phantoms on disk: DICOM objects, truth tables, whole folders of cases."""

from readerstudy.phantom.files.case import CaseFiles, Form, write_case
from readerstudy.phantom.files.folder import write_folder
from readerstudy.phantom.files.identity import Identity, draw_identity, make_uid
from readerstudy.phantom.files.kept import generator_digest, kept_folder

__all__ = [
    "CaseFiles",
    "Form",
    "Identity",
    "draw_identity",
    "generator_digest",
    "kept_folder",
    "make_uid",
    "write_case",
    "write_folder",
]
