from django.urls import path

from inference import views

app_name = "inference"
urlpatterns = [
    path("studies/<slug:slug>/models/", views.runs, name="runs"),
    path("studies/<slug:slug>/models/runs/<int:number>/", views.run, name="run"),
    path("studies/<slug:slug>/models/runs/<int:number>/<str:act>/", views.run_act, name="run_act"),
]
