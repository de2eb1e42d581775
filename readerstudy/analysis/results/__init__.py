"""From a frozen data set to figures: one function makes what the page shows and what the command prints."""

from readerstudy.analysis.results.compute import compute_plan, compute_view
from readerstudy.analysis.results.views import View, view_from

__all__ = ["View", "compute_plan", "compute_view", "view_from"]
