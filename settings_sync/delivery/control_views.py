"""Views that control sending. Each asks for confirmation, acts on POST only, and logs the user."""

import datetime as dt
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from ivrportal.audit.audit_log import Action
from settings_sync.delivery import account_status, detail, overview, record_lookup, service
from settings_sync.models import Circuit, ProviderSetting
from settings_sync.models.provider_setting import State

CONTROL_PERMISSION, STOP_PERMISSION = "settings_sync.change_providersetting", "settings_sync.stop_sending"
LIST_URL_NAME = "admin:settings_sync_providersetting_changelist"
RESEND_INTERVAL = dt.timedelta(minutes=10)
RESEND_MESSAGE = "Sent everything again."  # stored in the admin log, and queried to enforce RESEND_INTERVAL

View = Callable[..., HttpResponse]


def can_control(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(CONTROL_PERMISSION))


def _require_permission(permission: str) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return wrapper

    return decorate


_require_control, _require_stop = (
    _require_permission(CONTROL_PERMISSION),
    _require_permission(STOP_PERMISSION),
)


def _confirmation_page(request: HttpRequest, model_admin: Any, **extra_context: Any) -> TemplateResponse:
    """Render the confirmation page.

    Context: `title`, `lines`, `button`; optional: `is_danger` for a red button, `checkbox_label` for a box that
    must be ticked, `is_unticked` if it was not.
    """
    context = {**model_admin.admin_site.each_context(request), "opts": model_admin.opts, **extra_context}
    return TemplateResponse(request, "settings_sync/delivery/confirm.html", context)


@_require_stop
def stop(request: HttpRequest, model_admin: Any) -> HttpResponse:
    if request.method != "POST":
        return _confirmation_page(
            request,
            model_admin,
            title=_("Stop sending?"),
            lines=[
                _("Nothing more is sent to the provider, until somebody presses Start sending."),
                _("You can go on changing agents, holidays and hours: the changes are kept and wait."),
                _("Callers go on hearing what the provider has now."),
            ],
            button=_("Stop sending"),
            is_danger=True,
        )
    with transaction.atomic():
        service.stop_sending(request.user.get_username())
        model_admin.log_change(request, Circuit.get_solo(), "Stopped sending.", action=Action.STOPPED)
    model_admin.message_user(
        request, _("Sending is stopped. Changes wait until you start it again."), messages.WARNING
    )
    return redirect(LIST_URL_NAME)


@_require_stop
def start(request: HttpRequest, model_admin: Any) -> HttpResponse:
    pending = ProviderSetting.objects.pending().count()
    if request.method != "POST":
        account = account_status.load()
        return _confirmation_page(
            request,
            model_admin,
            title=_("Start sending?"),
            lines=[
                account_status.format_closed_reason(account),
                ngettext(
                    "%(n)d setting waits; it goes out at once.",
                    "%(n)d settings wait; they go out in %(time)s.",
                    pending,
                )
                % {"n": pending, "time": overview.format_duration(overview.estimate_seconds(pending))}
                if pending
                else _("No setting waits."),
            ],
            button=_("Start sending"),
        )
    with transaction.atomic():
        service.start_sending()
        model_admin.log_change(request, Circuit.get_solo(), "Started sending.", action=Action.STARTED)
    model_admin.message_user(request, _("Sending has started. What waited is on its way."), messages.SUCCESS)
    return redirect(LIST_URL_NAME)


@_require_control
def resend(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Resend all settings. Needs a ticked checkbox, and runs at most once per RESEND_INTERVAL."""
    if request.method == "POST" and request.POST.get("sure"):
        return _resend(request, model_admin)
    count = ProviderSetting.objects.exclude(state=State.WITHDRAWN).count()
    duration = overview.format_duration(overview.estimate_seconds(count))
    return _confirmation_page(
        request,
        model_admin,
        title=_("Send everything again?"),
        lines=[
            ngettext(
                "%(n)d setting is sent again, whether or not it is in force. This takes %(time)s.",
                "All %(n)d settings are sent again, whether or not they are in force. This takes %(time)s.",
                count,
            )
            % {"n": count, "time": duration},
            _(
                "Use it when the provider seems to have lost settings, for example after it restored its system. "
                "It does no harm: callers hear no difference for what is right already."
            ),
            _("Nobody can do it again for the next 10 minutes."),
        ],
        checkbox_label=_("Yes, send all %(n)d again") % {"n": count},
        is_unticked=request.method == "POST",
        button=_("Send everything again"),
    )


def _resend(request: HttpRequest, model_admin: Any) -> HttpResponse:
    with transaction.atomic():
        Circuit.lock()  # of two requests at the same moment, the second finds the log entry of the first
        now = account_status.load().now
        last = _last_resend()
        if last and now - last.action_time < RESEND_INTERVAL:
            again = account_status.format_moment(last.action_time + RESEND_INTERVAL)
            model_admin.message_user(
                request,
                _("%(who)s sent everything again at %(time)s. It can be done again at %(again)s.")
                % {
                    "who": last.user.get_username(),
                    "time": account_status.format_moment(last.action_time),
                    "again": again,
                },
                messages.ERROR,
            )
            return redirect(LIST_URL_NAME)
        count = service.resend_all()
        model_admin.log_change(
            request, Circuit.get_solo(), RESEND_MESSAGE, action=Action.SENT_AGAIN, count=count
        )
    model_admin.message_user(
        request,
        ngettext("%(n)d setting is on its way again.", "%(n)d settings are on their way again.", count)
        % {"n": count},
        messages.SUCCESS,
    )
    return redirect(LIST_URL_NAME)


def _last_resend() -> LogEntry | None:
    content_type = ContentType.objects.get_for_model(Circuit)
    entries = LogEntry.objects.filter(
        content_type=content_type, action_flag=CHANGE, change_message=RESEND_MESSAGE
    )
    return entries.select_related("user").order_by("-action_time").first()


@_require_control
@require_POST
def send_now(request: HttpRequest, object_id: int, model_admin: Any) -> HttpResponse:
    setting = _get_setting(object_id)
    title = record_lookup.format_title(setting)
    if detail.can_send(setting):
        with transaction.atomic():
            service.send_now(setting.pk)
            model_admin.log_change(request, setting, "Sent now.", action=Action.SENT_AGAIN)
        closed = account_status.load().closed_reason
        message = (
            _("“%(what)s” waits, because nothing is sent now.") if closed else _("“%(what)s” is on its way.")
        )
        model_admin.message_user(
            request, message % {"what": title}, messages.WARNING if closed else messages.SUCCESS
        )
    else:
        model_admin.message_user(
            request, _("“%(what)s” cannot be sent any more.") % {"what": title}, messages.ERROR
        )
    return redirect(_return_url(request))


@_require_control
def close(request: HttpRequest, object_id: int, model_admin: Any) -> HttpResponse:
    setting = _get_setting(object_id)
    if setting.state != State.WITHDRAWN:
        return redirect("admin:settings_sync_providersetting_change", setting.pk)
    what = detail.build_withdrawn_notice(setting)["what"]
    if request.method != "POST":
        return _confirmation_page(
            request,
            model_admin,
            title=_("Has the provider removed it?"),
            lines=[
                _("Confirm only if the provider has told you that %(what)s is removed.") % {"what": what},
                _(
                    "If it is not, callers will still be told that you are closed, and nobody here will be reminded."
                ),
            ],
            button=_("Yes, the provider has removed it"),
            is_danger=True,
        )
    with transaction.atomic():
        is_deleted = service.close_withdrawn(setting.pk)
        if is_deleted:
            model_admin.log_change(request, setting, "Confirmed that the provider has removed it.")
    if is_deleted:
        message = _("Closed: %(what)s is gone here and, as you said, at the provider.")
    else:
        message = _("Not closed: %(what)s has just been changed by somebody else.")
    model_admin.message_user(
        request, message % {"what": what}, messages.SUCCESS if is_deleted else messages.ERROR
    )
    return redirect(LIST_URL_NAME)


def _get_setting(object_id: int) -> ProviderSetting:
    setting = ProviderSetting.objects.filter(pk=object_id).first()
    if setting is None:
        raise Http404
    return setting


def _return_url(request: HttpRequest) -> str:
    """Return the referring page if it is on this host, else the list."""
    referer = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(referer, {request.get_host()}, require_https=request.is_secure()):
        return referer
    return LIST_URL_NAME
