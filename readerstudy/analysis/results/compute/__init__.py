"""Every figure of one state of the filters.

Arrays of a frozen data set go in, JSON values come out; nothing here knows a page, a language or a database.
All intervals are those of `readerstudy.stats` for items nested in patients.
"""

from readerstudy.analysis.results.compute.states import compute_plan, compute_view

__all__ = ["compute_plan", "compute_view"]
