"""Signing in and one's own settings."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.utils.translation import gettext_lazy as _


class SignInForm(AuthenticationForm):
    """One sentence for every failure: nothing says whether the account exists."""

    error_messages = {
        "invalid_login": _("This name and password do not fit. Check both, or ask the administrator."),
        "inactive": _("This name and password do not fit. Check both, or ask the administrator."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("Name")
        self.fields["password"].label = _("Password")
        # The browser's own autofocus would move a screen reader past the page's title.
        self.fields["username"].widget.attrs = {"autocomplete": "username", "autocapitalize": "none"}


class LanguageForm(forms.Form):
    language = forms.CharField(max_length=10)
    next = forms.CharField(required=False)


class ReturnForm(forms.Form):
    """Signing in on a locked page."""

    username = forms.CharField(max_length=150)
    password = forms.CharField(max_length=4096, strip=False)
    ticket = forms.CharField(max_length=300)
