"""Login: the password step and the second-factor step."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import login
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from ivrportal.accounts import login_throttle, pending_login, second_factor
from ivrportal.common import admin_theme

FEW_CODES = 3
SECOND_STEP, SET_UP, LOGIN = "admin:second_step", "admin:second_factor", "admin:login"  # URL names


class PasswordStepView(LoginView):
    """Django's LoginView, except that a user with a second factor is not logged in yet."""

    authentication_form = admin_theme.AuthenticationForm
    template_name = "admin/login.html"

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        has_phone = second_factor.device_of(user) is not None
        if has_phone or second_factor.is_required_for(user):
            pending_login.begin(self.request, user, target=self.get_success_url())
            return redirect(SECOND_STEP if has_phone else SET_UP)
        login(self.request, user)
        return HttpResponseRedirect(self.get_success_url())


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        widget=admin_theme.TextWidget(
            attrs={"autocomplete": "one-time-code", "autofocus": "", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, is_recovery: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["inputmode"] = "text" if is_recovery else "numeric"
        if is_recovery:
            self.fields["code"].label = _("Recovery code")
            self.fields["code"].widget.attrs["autocomplete"] = "off"


def password_step(request: HttpRequest, site: admin.AdminSite) -> HttpResponseBase:
    """The login page. A user who has already entered the password is redirected to the next step."""
    if request.method == "GET":
        if site.has_permission(request):
            return redirect("admin:index")
        person = pending_login.pending_user(request)
        if person is not None:
            return redirect(SECOND_STEP if second_factor.device_of(person) else SET_UP)
    context = {
        **site.each_context(request),
        "title": _("Sign in"),
        "subtitle": None,
        "app_path": request.get_full_path(),
        "username": request.user.get_username(),
    }
    request.current_app = site.name
    return PasswordStepView.as_view(extra_context=context)(request)


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    person = pending_login.pending_user(request)
    if person is None:
        return redirect(LOGIN)
    device = second_factor.device_of(person)
    if device is None:
        return redirect(SET_UP)
    is_recovery = "recovery" in request.GET
    form = CodeForm(request.POST or None, is_recovery=is_recovery)
    if request.method == "POST" and form.is_valid():
        name = person.get_username()
        if not login_throttle.is_login_allowed(request, name):
            return login_throttle.locked_response(request, name)
        method = second_factor.verify_code(person, form.cleaned_data["code"])
        if method:
            return _complete_login(request, person, method, device=device.pk)
        login_throttle.record_failure(request, name)
        form.add_error("code", _wrong_code_message(is_recovery))
    context = {
        **admin.site.each_context(request),
        "title": _("Second step"),
        "form": form,
        "person": person,
        "is_recovery": is_recovery,
    }
    return TemplateResponse(request, "accounts/second_factor.html", context)


@require_POST
def restart_login(request: HttpRequest) -> HttpResponse:
    """Leave the second step, to log in as another user."""
    if not request.user.is_authenticated:
        pending_login.cancel(request)
    return redirect(LOGIN)


def _complete_login(request: HttpRequest, person: Any, method: str, *, device: int) -> HttpResponse:
    target = pending_login.finish(request, person, device=device)
    if method == second_factor.RECOVERY:
        left = second_factor.record_recovery(request, person)
        text = ngettext(
            "You signed in with a recovery code; %(n)d is left.",
            "You signed in with a recovery code; %(n)d are left.",
            left,
        )
        add_message = messages.warning if left <= FEW_CODES else messages.info
        add_message(request, text % {"n": left})
    return HttpResponseRedirect(target)


def _wrong_code_message(is_recovery: bool) -> str:
    if is_recovery:
        return _("This is not one of your recovery codes, or it was used before.")
    return _("This code is wrong or was used before. Each works once: wait for the next one in your app.")
