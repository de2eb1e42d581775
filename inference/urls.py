from django.urls import path

from inference import views

app_name = "inference"
urlpatterns = [
    path("studies/<slug:slug>/models/", views.runs, name="runs"),
    path("studies/<slug:slug>/models/training/<int:number>/", views.training, name="training"),
    path(
        "studies/<slug:slug>/models/training/<int:number>/act/<str:act>/",
        views.training_act,
        name="training_act",
    ),
    path("studies/<slug:slug>/models/runs/<int:number>/", views.run, name="run"),
    path("studies/<slug:slug>/models/runs/<int:number>/points/", views.run_points, name="run_points"),
    path("studies/<slug:slug>/models/runs/<int:number>/<str:act>/", views.run_act, name="run_act"),
]
