"""“Your account”: the pages where users manage their own password, phone and recovery codes."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from ivrportal.accounts import (
    login_throttle,
    login_views,
    pending_login,
    roles,
    second_factor,
    session_limits,
)
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import Action
from ivrportal.common import admin_theme

ACCOUNT = "admin:account"


class PasswordForm(forms.Form):
    """Asks for the password again before a change of credentials, because the session may be left open unattended."""

    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=admin_theme.PasswordWidget(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_password(self) -> str:
        """`authenticate` counts a wrong password as a failed login, and may lock the account."""
        name, password = self.request.user.get_username(), self.cleaned_data["password"]
        if authenticate(self.request, username=name, password=password) != self.request.user:
            raise forms.ValidationError(_("This is not your password."))
        return str(password)


def get_urls(site: admin.AdminSite) -> list[URLPattern]:
    view = site.admin_view
    return [
        path("second-step/", login_views.second_step, name="second_step"),
        path("second-step/start-again/", login_views.restart_login, name="second_step_again"),
        # Not behind admin_view: users who must set one up are not logged in yet.
        path("second-factor/", set_up_second_factor, name="second_factor"),
        path("account/", view(require_safe(account_page)), name="account"),
        path("account/recovery-codes/", view(renew_codes), name="recovery_codes"),
        path("account/second-factor/remove/", view(remove_second_factor), name="second_factor_remove"),
    ]


def account_page(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    context = {
        **admin.site.each_context(request),
        "title": _("Your account"),
        "device": second_factor.device_of(person),
        "codes_left": second_factor.count_codes_left(person),
        "few_codes": login_views.FEW_CODES,
        "is_required": second_factor.is_required_for(person),
        "roles": roles.roles_of(person),
        "departments": [limit.department for limit in person.department_limits.all()],
    }
    return TemplateResponse(request, "accounts/account.html", context)


def change_password(request: HttpRequest, change: Callable[[HttpRequest], HttpResponse]) -> HttpResponse:
    """The theme's page, with an audit entry. A wrong old password counts as a failed login."""
    name = request.user.get_username()
    if request.method != "POST":
        return change(request)
    if not login_throttle.is_login_allowed(request, name):
        return login_throttle.locked_response(request, name)
    response = change(request)
    if response.status_code == 302:
        audit_log.record(Action.PASSWORD, request=request, what="own password")
    elif (
        isinstance(response, TemplateResponse)
        and "old_password" in (response.context_data or {})["form"].errors
    ):
        login_throttle.record_failure(request, name)
    return response


@never_cache
@sensitive_post_parameters("code", "password")
@require_http_methods(["GET", "POST"])
def set_up_second_factor(request: HttpRequest) -> HttpResponse:
    """Set up a phone: as a replacement for a logged-in user, or as the second step of the login."""
    is_signed_in = admin.site.has_permission(request)
    person: Any = request.user if is_signed_in else pending_login.pending_user(request)
    if person is None:
        return redirect(login_views.LOGIN)
    if not is_signed_in and second_factor.device_of(person) is not None:
        return redirect(login_views.SECOND_STEP)  # a login must use the existing phone, not replace it
    key = pending_login.get_or_create_key(request, second_factor.new_key)
    form = login_views.CodeForm(request.POST or None)
    password = PasswordForm(request, request.POST or None) if is_signed_in else None
    if request.method == "POST" and form.is_valid() and (password is None or password.is_valid()):
        codes = second_factor.set_up(request, person, key=key, code=form.cleaned_data["code"])
        if codes is not None:
            return _finish_set_up(request, person, codes, is_signed_in=is_signed_in)
        form.add_error(
            "code", _("This code does not fit. Wait for the next one in your app, and type it here.")
        )
    otpauth_url = second_factor.otpauth_url(person, key)
    context = {
        **admin.site.each_context(request),
        "title": _("Set up the second factor"),
        "layout": _layout_template(is_signed_in),
        "is_signed_in": is_signed_in,
        "person": person,
        "form": form,
        "password": password,
        "otpauth_url": otpauth_url,
        "qr_code": second_factor.qr_code_data_url(otpauth_url),
        "secret": second_factor.format_secret(key),
    }
    return TemplateResponse(request, "accounts/second_factor_setup.html", context)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def renew_codes(request: HttpRequest) -> HttpResponse:
    """Replace the recovery codes by ten new ones."""
    person: Any = request.user
    if second_factor.device_of(person) is None:
        return redirect(ACCOUNT)
    form = PasswordForm(request, request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = second_factor.renew_codes(request, person)
        return _show_codes(request, codes, target=ACCOUNT, is_signed_in=True)
    return _ask_for_password(
        request,
        form,
        title=_("New recovery codes?"),
        lines=[_("You get ten new ones, and those that you have now work no more.")],
        button=_("Make new codes"),
    )


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def remove_second_factor(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    if second_factor.is_required_for(person):
        messages.error(request, _("Your role asks for a second factor: it can be replaced, not removed."))
        return redirect(ACCOUNT)
    form = PasswordForm(request, request.POST or None)
    if request.method == "POST" and form.is_valid():
        second_factor.remove(request, person, why="removed")
        session_limits.set_device(request, 0)
        messages.success(request, _("You sign in with your password alone again."))
        return redirect(ACCOUNT)
    return _ask_for_password(
        request,
        form,
        title=_("Remove the second factor?"),
        lines=[
            _("From then on your password alone opens your account, also to somebody who has learned it.")
        ],
        button=_("Remove it"),
        is_danger=True,
    )


def _finish_set_up(
    request: HttpRequest, person: User, codes: list[str], *, is_signed_in: bool
) -> HttpResponse:
    device: Any = second_factor.device_of(person)
    if is_signed_in:
        pending_login.forget_key(request)
        request.session.cycle_key()
        session_limits.set_device(request, device.pk)
        return _show_codes(request, codes, target=ACCOUNT, is_signed_in=True)
    target = pending_login.finish(request, person, device=device.pk)
    return _show_codes(request, codes, target=target, is_signed_in=False)


def _show_codes(request: HttpRequest, codes: list[str], *, target: str, is_signed_in: bool) -> HttpResponse:
    """Shows the codes in the response to the POST, so that they are stored in no session and no message."""
    context = {
        **admin.site.each_context(request),
        "title": _("Your recovery codes"),
        "layout": _layout_template(is_signed_in),
        "codes": codes,
        "target": target,
    }
    return TemplateResponse(
        request, "accounts/recovery_codes.html", context, headers={"Cache-Control": "no-store, private"}
    )


def _ask_for_password(request: HttpRequest, form: PasswordForm, **extra_context: Any) -> HttpResponse:
    context = {**admin.site.each_context(request), "form": form, "back": ACCOUNT, **extra_context}
    return TemplateResponse(request, "accounts/confirm.html", context)


def _layout_template(is_signed_in: bool) -> str:
    return "admin/base_site.html" if is_signed_in else "unfold/layouts/unauthenticated.html"
