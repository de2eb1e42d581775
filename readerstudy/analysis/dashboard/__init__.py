"""The results page as plain values: texts, tables and the numbers of the charts, in the page's language."""

from readerstudy.analysis.dashboard.charts import chart_data
from readerstudy.analysis.dashboard.filters import fact, filters
from readerstudy.analysis.dashboard.flow import flow_steps
from readerstudy.analysis.dashboard.headline import headline, incorporation
from readerstudy.analysis.dashboard.multireader import multireader
from readerstudy.analysis.dashboard.names import HEADLINE, finding_names, people_rows
from readerstudy.analysis.dashboard.tables import Table, tables

__all__ = [
    "HEADLINE",
    "Table",
    "chart_data",
    "fact",
    "filters",
    "finding_names",
    "flow_steps",
    "headline",
    "incorporation",
    "multireader",
    "people_rows",
    "tables",
]
