from django.urls import path

from readerstudy.accounts import views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.SignInView.as_view(), name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("sign-in/lock/", views.lock_page, name="lock"),
    path("sign-in/return/", views.return_to_page, name="return"),
    path("keys/", views.keys_page, name="keys"),
    path("keys/save/", views.save_keys, name="save_keys"),
    path("language/", views.set_language, name="set_language"),
]
