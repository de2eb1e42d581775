"""A study finished elsewhere enters by its tables: cases, reads, reference, predictions, lesions and marks.

All rows or none: every refused row is named with its line, its column, what stands there and what is allowed.
Readers become accounts that cannot sign in. Nothing imported can be changed by hand afterwards.
"""

from readerstudy.analysis.services.imports.cases import import_cases
from readerstudy.analysis.services.imports.clinical import import_clinical
from readerstudy.analysis.services.imports.marks import import_lesions, import_marks
from readerstudy.analysis.services.imports.predictions import import_predictions
from readerstudy.analysis.services.imports.reads import import_reads
from readerstudy.analysis.services.imports.reference import import_reference
from readerstudy.analysis.services.imports.tables import ImportRefused, RowProblem, read_table

__all__ = [
    "ImportRefused",
    "RowProblem",
    "import_cases",
    "import_clinical",
    "import_lesions",
    "import_marks",
    "import_predictions",
    "import_reads",
    "import_reference",
    "read_table",
]
