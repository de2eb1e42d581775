"""Everything of an unblinded study as files: long tables, iMRMC's form, a data dictionary, the snapshot.

The same database gives the same bytes: rows are ordered by codes, times are UTC, floats are written in full.
"""

from readerstudy.analysis.services.exports.cells import DEMONSTRATION, as_csv
from readerstudy.analysis.services.exports.files import (
    ExportRefused,
    as_archive,
    export_files,
    export_listing,
    folder_name,
    write_export,
)

__all__ = [
    "DEMONSTRATION",
    "ExportRefused",
    "as_archive",
    "as_csv",
    "export_files",
    "export_listing",
    "folder_name",
    "write_export",
]
