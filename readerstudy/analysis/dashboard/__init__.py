"""The results page as plain values: texts, tables and the numbers of the charts, in the page's language."""

from readerstudy.analysis.dashboard.charts import chart_data
from readerstudy.analysis.dashboard.filters import fact, filters
from readerstudy.analysis.dashboard.flow import criterion_names, flow_steps
from readerstudy.analysis.dashboard.headline import headline, incorporation
from readerstudy.analysis.dashboard.importing import column_meaning, table_names
from readerstudy.analysis.dashboard.items import cell_names, item_rows, items_title
from readerstudy.analysis.dashboard.marks import (
    chosen_condition,
    marks_chart_data,
    marks_comparisons,
    marks_fact,
    marks_filters,
    marks_rows,
    marks_tables,
)
from readerstudy.analysis.dashboard.multireader import multireader
from readerstudy.analysis.dashboard.names import (
    HEADLINE,
    finding_names,
    people_rows,
    structure_names,
    subgroup_label,
)
from readerstudy.analysis.dashboard.planner import design_methods, design_names, size_words
from readerstudy.analysis.dashboard.readers import (
    audit_rows,
    reader_findings,
    reader_times,
    readers_chart_data,
    readers_tables,
)
from readerstudy.analysis.dashboard.resampled import RESAMPLED_TABLES, resampled, resampled_tables
from readerstudy.analysis.dashboard.tables import Table, tables

__all__ = [
    "HEADLINE",
    "RESAMPLED_TABLES",
    "Table",
    "audit_rows",
    "cell_names",
    "chart_data",
    "chosen_condition",
    "column_meaning",
    "criterion_names",
    "design_methods",
    "design_names",
    "fact",
    "filters",
    "finding_names",
    "flow_steps",
    "headline",
    "incorporation",
    "item_rows",
    "items_title",
    "marks_chart_data",
    "marks_comparisons",
    "marks_fact",
    "marks_filters",
    "marks_rows",
    "marks_tables",
    "multireader",
    "people_rows",
    "reader_findings",
    "reader_times",
    "readers_chart_data",
    "readers_tables",
    "resampled",
    "resampled_tables",
    "size_words",
    "structure_names",
    "subgroup_label",
    "table_names",
    "tables",
]
