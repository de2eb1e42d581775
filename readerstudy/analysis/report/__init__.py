"""The report of a snapshot: one list of blocks, written as PDF and as HTML, so that both say the same."""

from readerstudy.analysis.report.contents import report_blocks
from readerstudy.analysis.report.pdf import as_pdf

__all__ = ["as_pdf", "report_blocks"]
