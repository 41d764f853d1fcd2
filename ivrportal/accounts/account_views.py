"""Your account: the pages on which people look after their own password, phone and recovery codes."""

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
    """An open page is not proof enough of who sits there to change what guards the account."""

    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=admin_theme.PasswordWidget(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_password(self) -> str:
        """A wrong one counts as at the sign-in, and locks as there."""
        name, password = self.request.user.get_username(), self.cleaned_data["password"]
        if authenticate(self.request, username=name, password=password) != self.request.user:
            raise forms.ValidationError(_("This is not your password."))
        return str(password)


def urls(site: admin.AdminSite) -> list[URLPattern]:
    view = site.admin_view
    return [
        path("second-step/", login_views.second_step, name="second_step"),
        path("second-step/start-again/", login_views.start_again, name="second_step_again"),
        # Not behind admin_view: also for people who must set one up before they are signed in.
        path("second-factor/", set_up, name="second_factor"),
        path("account/", view(require_safe(page)), name="account"),
        path("account/recovery-codes/", view(codes), name="recovery_codes"),
        path("account/second-factor/remove/", view(remove), name="second_factor_remove"),
    ]


def page(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    context = {
        **admin.site.each_context(request),
        "title": _("Your account"),
        "device": second_factor.device_of(person),
        "left": second_factor.codes_left(person),
        "few": login_views.FEW_CODES,
        "is_required": second_factor.is_required_of(person),
        "roles": roles.of(person),
        "departments": [limit.department for limit in person.department_limits.all()],
    }
    return TemplateResponse(request, "accounts/account.html", context)


def change_password(request: HttpRequest, change: Callable[[HttpRequest], HttpResponse]) -> HttpResponse:
    """The theme's page, on record; a wrong old password counts as one at the sign-in."""
    name = request.user.get_username()
    if request.method != "POST":
        return change(request)
    if not login_throttle.may_try(request, name):
        return login_throttle.refuse(request, name)
    response = change(request)
    if response.status_code == 302:
        audit_log.record(Action.PASSWORD, request=request, what="own password")
    elif (
        isinstance(response, TemplateResponse)
        and "old_password" in (response.context_data or {})["form"].errors
    ):
        login_throttle.note_failure(request, name)
    return response


@never_cache
@sensitive_post_parameters("code", "password")
@require_http_methods(["GET", "POST"])
def set_up(request: HttpRequest) -> HttpResponse:
    """A new phone. For who is signed in, in the place of the one before; or as the second step of the sign-in."""
    is_signed_in = admin.site.has_permission(request)
    person: Any = request.user if is_signed_in else pending_login.person_of(request)
    if person is None:
        return redirect(login_views.LOGIN)
    if not is_signed_in and second_factor.device_of(person) is not None:
        return redirect(login_views.STEP)  # the phone of before is asked for, not replaced
    key = pending_login.key_of(request, second_factor.new_key)
    form = login_views.CodeForm(request.POST or None)
    password = PasswordForm(request, request.POST or None) if is_signed_in else None
    if request.method == "POST" and form.is_valid() and (password is None or password.is_valid()):
        made = second_factor.set_up(request, person, key=key, code=form.cleaned_data["code"])
        if made is not None:
            return _done(request, person, made, is_signed_in=is_signed_in)
        form.add_error(
            "code", _("This code does not fit. Wait for the next one in your app, and type it here.")
        )
    address = second_factor.address(person, key)
    context = {
        **admin.site.each_context(request),
        "title": _("Set up the second factor"),
        "layout": _layout(is_signed_in),
        "is_signed_in": is_signed_in,
        "person": person,
        "form": form,
        "password": password,
        "address": address,
        "picture": second_factor.picture(address),
        "secret": second_factor.secret_words(key),
    }
    return TemplateResponse(request, "accounts/second_factor_setup.html", context)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def codes(request: HttpRequest) -> HttpResponse:
    """Ten new recovery codes in the place of the old ones."""
    person: Any = request.user
    if second_factor.device_of(person) is None:
        return redirect(ACCOUNT)
    form = PasswordForm(request, request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _shown(request, second_factor.renew_codes(request, person), to=ACCOUNT, is_signed_in=True)
    return _ask(
        request,
        form,
        title=_("New recovery codes?"),
        lines=[_("You get ten new ones, and those that you have now work no more.")],
        button=_("Make new codes"),
    )


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    if second_factor.is_required_of(person):
        messages.error(request, _("Your role asks for a second factor: it can be replaced, not removed."))
        return redirect(ACCOUNT)
    form = PasswordForm(request, request.POST or None)
    if request.method == "POST" and form.is_valid():
        second_factor.remove(request, person, why="removed")
        session_limits.note_factor(request, 0)
        messages.success(request, _("You sign in with your password alone again."))
        return redirect(ACCOUNT)
    return _ask(
        request,
        form,
        title=_("Remove the second factor?"),
        lines=[
            _("From then on your password alone opens your account, also to somebody who has learned it.")
        ],
        button=_("Remove it"),
        is_danger=True,
    )


def _done(request: HttpRequest, person: User, made: list[str], *, is_signed_in: bool) -> HttpResponse:
    device: Any = second_factor.device_of(person)
    if is_signed_in:
        pending_login.forget_key(request)
        request.session.cycle_key()
        session_limits.note_factor(request, device.pk)
        return _shown(request, made, to=ACCOUNT, is_signed_in=True)
    to = pending_login.finish(request, person, device=device.pk)
    return _shown(request, made, to=to, is_signed_in=False)


def _shown(request: HttpRequest, made: list[str], *, to: str, is_signed_in: bool) -> HttpResponse:
    """The page that shows the codes is the answer itself: so they are kept in no session and no message."""
    context = {
        **admin.site.each_context(request),
        "title": _("Your recovery codes"),
        "layout": _layout(is_signed_in),
        "codes": made,
        "to": to,
    }
    return TemplateResponse(
        request, "accounts/recovery_codes.html", context, headers={"Cache-Control": "no-store, private"}
    )


def _ask(request: HttpRequest, form: PasswordForm, **words: Any) -> HttpResponse:
    context = {**admin.site.each_context(request), "form": form, "back": ACCOUNT, **words}
    return TemplateResponse(request, "accounts/confirm.html", context)


def _layout(is_signed_in: bool) -> str:
    return "admin/base_site.html" if is_signed_in else "unfold/layouts/unauthenticated.html"
