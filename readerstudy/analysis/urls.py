from django.urls import path

from readerstudy.analysis import views

app_name = "analysis"
urlpatterns = [
    path("studies/<slug:slug>/results/", views.results, name="results"),
    path("studies/<slug:slug>/results/figures.json", views.results_json, name="results_json"),
    path("studies/<slug:slug>/results/progress.json", views.snapshot_progress, name="snapshot_progress"),
    path("studies/<slug:slug>/results/snapshot/", views.snapshot_request, name="snapshot_request"),
    path("studies/<slug:slug>/results/<slug:block>.csv", views.results_table, name="results_table"),
    path("studies/<slug:slug>/results/report/", views.report, name="report"),
    path("studies/<slug:slug>/results/report.pdf", views.report_file, name="report_pdf"),
    path("studies/<slug:slug>/lock/", views.study_lock, name="lock"),
    path("studies/<slug:slug>/unblind/", views.study_unblind, name="unblind"),
    path("studies/<slug:slug>/export/", views.export, name="export"),
    path("studies/<slug:slug>/audit/", views.audit, name="audit"),
]
