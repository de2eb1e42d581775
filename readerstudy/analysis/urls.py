"""Results, records and signed acts of a study."""

from django.urls import path

from readerstudy.analysis.views import (
    aids,
    audit,
    cases,
    files,
    heat,
    marks,
    planner,
    readers,
    results,
    signed,
    tables,
    training,
)

app_name = "analysis"
urlpatterns = [
    path("studies/<slug:slug>/results/", results.results, name="results"),
    path("studies/<slug:slug>/results/figures.json", results.results_json, name="results_json"),
    path("studies/<slug:slug>/results/resampled.json", results.results_resampled, name="results_resampled"),
    path("studies/<slug:slug>/results/progress.json", results.snapshot_progress, name="snapshot_progress"),
    path("studies/<slug:slug>/results/snapshot/", results.snapshot_request, name="snapshot_request"),
    path("studies/<slug:slug>/results/items.csv", cases.items_table, name="items_table"),
    path("studies/<slug:slug>/results/<slug:block>.csv", results.results_table, name="results_table"),
    path("studies/<slug:slug>/results/marks/", marks.marks, name="marks"),
    path("studies/<slug:slug>/results/marks/<slug:block>.csv", marks.marks_table, name="marks_table"),
    path("studies/<slug:slug>/results/readers/", readers.readers, name="readers"),
    path("studies/<slug:slug>/results/readers/<slug:block>.csv", readers.readers_table, name="readers_table"),
    path("studies/<slug:slug>/results/items/", cases.items, name="items"),
    path("studies/<slug:slug>/results/cases/<uuid:case>/", cases.case, name="case"),
    path("studies/<slug:slug>/results/cases/<uuid:case>/heat.json", heat.case_heat, name="case_heat"),
    path(
        "studies/<slug:slug>/results/cases/<uuid:case>/reports.zip", cases.case_reports, name="case_reports"
    ),
    path("studies/<slug:slug>/planner/", planner.planner, name="planner"),
    path("studies/<slug:slug>/results/report/", files.report, name="report"),
    path("studies/<slug:slug>/results/report.pdf", files.report_file, name="report_pdf"),
    path("studies/<slug:slug>/tables/", tables.take_table, name="take_table"),
    path("studies/<slug:slug>/aid/", aids.aid_release, name="aid"),
    path("studies/<slug:slug>/lock/", signed.study_lock, name="lock"),
    path("studies/<slug:slug>/unblind/", signed.study_unblind, name="unblind"),
    path("studies/<slug:slug>/export/", files.export, name="export"),
    path("studies/<slug:slug>/models/train/", training.training_start, name="train"),
    path(
        "studies/<slug:slug>/models/training/<int:number>/test/", training.training_test, name="training_test"
    ),
    path("studies/<slug:slug>/audit/", audit.audit, name="audit"),
]
