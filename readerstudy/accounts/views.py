"""Sign in, sign out, language, keys."""

import json

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from readerstudy.accounts.ending import end_session
from readerstudy.accounts.forms import LanguageForm, ReturnForm, SignInForm
from readerstudy.accounts.keymaps import MOST_CHORDS, KeyMapRefused, default_keys
from readerstudy.accounts.returning import person_of
from readerstudy.accounts.services import choose_keys, choose_language, note_sign_in, note_sign_out


class SignInView(LoginView):
    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: SignInForm) -> HttpResponse:
        response = super().form_valid(form)
        note_sign_in(user=self.request.user, at=timezone.now())
        return response


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session, everything it had opened, and what the browser kept of it."""
    note_sign_out(user=request.user, at=timezone.now())
    end_session(session_key=request.session.session_key or "", at=timezone.now())
    logout(request)
    response = HttpResponseRedirect(reverse("accounts:sign_in"))
    # Reading rooms share computers: cached images leave with the person. Answers that wait for the network
    # stay: they are sealed with their owner's key, and "storage" would erase everybody's, not one person's.
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@require_POST
def lock_page(request: HttpRequest) -> HttpResponse:
    """End the session of a page that nobody has used for a while; its drafts stay where they are."""
    note_sign_out(user=request.user, at=timezone.now())
    end_session(session_key=request.session.session_key or "", at=timezone.now())
    logout(request)
    return JsonResponse({})


@login_not_required
@require_POST
def return_to_page(request: HttpRequest) -> HttpResponse:
    """Sign in again on a locked page: its own person, nobody else; one answer for every failure."""
    form = ReturnForm(request.POST)
    if form.is_valid():
        user = authenticate(
            request, username=form.cleaned_data["username"], password=form.cleaned_data["password"]
        )
        if user is not None and user.public_id == person_of(form.cleaned_data["ticket"]):
            login(request, user)
            note_sign_in(user=user, at=timezone.now())
            return JsonResponse({"ok": True})
    return JsonResponse(
        {"detail": _("This does not open the page. Only the person whose page it is can go on here.")},
        status=403,
    )


@login_not_required
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    form = LanguageForm(request.POST)
    target = reverse("home")
    if form.is_valid():
        wanted, language = form.cleaned_data["next"], form.cleaned_data["language"]
        if url_has_allowed_host_and_scheme(
            wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        ):
            target = wanted
        response = HttpResponseRedirect(target)
        if language in dict(settings.LANGUAGES):
            if request.user.is_authenticated:
                choose_language(user=request.user, language=language, at=timezone.now())
            response.set_cookie(
                settings.LANGUAGE_COOKIE_NAME,
                language,
                max_age=365 * 86400,
                httponly=True,
                samesite="Lax",
                secure=settings.SESSION_COOKIE_SECURE,
            )
        return response
    return HttpResponseRedirect(target)


@require_GET
def keys_page(request: HttpRequest) -> HttpResponse:
    """The keys of the reading room, to be changed by the person signed in."""
    config = {
        "defaults": default_keys(),
        "own": {side: request.user.key_map.get(side, {}) for side in default_keys()},
        "most": MOST_CHORDS,
        "save": reverse("accounts:save_keys"),
    }
    return render(request, "accounts/keys.html", {"config": config})


@require_POST
def save_keys(request: HttpRequest) -> JsonResponse:
    try:
        given = json.loads(request.body[:20_000])
        kept = choose_keys(user=request.user, key_map=given, at=timezone.now())
    except (ValueError, RecursionError):
        return JsonResponse({"detail": _("The keys could not be read. Nothing was changed.")}, status=400)
    except KeyMapRefused as error:
        return JsonResponse({"detail": str(error)}, status=409)
    return JsonResponse({"own": kept})
