"""What a person may do to the sending itself: each is asked first, done by POST, and logged with the person's name."""

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
from settings_sync.delivery import account_status as accounts
from settings_sync.delivery import detail, overview, record_lookup, service
from settings_sync.models import Circuit, ProviderSetting
from settings_sync.models.provider_setting import State

CONTROL, STOP = "settings_sync.change_providersetting", "settings_sync.stop_sending"
SCREEN = "admin:settings_sync_providersetting_changelist"
RESEND_REST = dt.timedelta(minutes=10)
SENT_AGAIN = "Sent everything again."  # how the log names it; also read back, to rest between two of them

View = Callable[..., HttpResponse]


def may_control(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(CONTROL))


def _guarded(permission: str) -> Callable[[View], View]:
    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return guard


_controlling, _stopping = _guarded(CONTROL), _guarded(STOP)


def _ask(request: HttpRequest, model_admin: Any, **words: Any) -> TemplateResponse:
    """The page that asks: `title`, `lines`, `button`; `is_danger` for its colour, `sure` for a box to tick before."""
    context = {**model_admin.admin_site.each_context(request), "opts": model_admin.opts, **words}
    return TemplateResponse(request, "settings_sync/delivery/confirm.html", context)


@_stopping
def stop(request: HttpRequest, model_admin: Any) -> HttpResponse:
    if request.method != "POST":
        return _ask(
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
        model_admin.log_change(request, Circuit.only(), "Stopped sending.", action=Action.STOPPED)
    model_admin.message_user(
        request, _("Sending is stopped. Changes wait until you start it again."), messages.WARNING
    )
    return redirect(SCREEN)


@_stopping
def start(request: HttpRequest, model_admin: Any) -> HttpResponse:
    waiting = ProviderSetting.objects.moving().count()
    if request.method != "POST":
        account = accounts.read()
        return _ask(
            request,
            model_admin,
            title=_("Start sending?"),
            lines=[
                accounts.why_words(account),
                ngettext(
                    "%(n)d setting waits; it goes out at once.",
                    "%(n)d settings wait; they go out in %(time)s.",
                    waiting,
                )
                % {"n": waiting, "time": overview.duration_words(overview.seconds_to_send(waiting))}
                if waiting
                else _("No setting waits."),
            ],
            button=_("Start sending"),
        )
    with transaction.atomic():
        service.start_sending()
        model_admin.log_change(request, Circuit.only(), "Started sending.", action=Action.STARTED)
    model_admin.message_user(request, _("Sending has started. What waited is on its way."), messages.SUCCESS)
    return redirect(SCREEN)


@_controlling
def resend(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Asked twice (a page, and a box to tick), and at most once in RESEND_REST."""
    if request.method == "POST" and request.POST.get("sure"):
        return _resend(request, model_admin)
    count = ProviderSetting.objects.exclude(state=State.WITHDRAWN).count()
    took = overview.duration_words(overview.seconds_to_send(count))
    return _ask(
        request,
        model_admin,
        title=_("Send everything again?"),
        lines=[
            ngettext(
                "%(n)d setting is sent again, whether or not it is in force. This takes %(time)s.",
                "All %(n)d settings are sent again, whether or not they are in force. This takes %(time)s.",
                count,
            )
            % {"n": count, "time": took},
            _(
                "Use it when the provider seems to have lost settings, for example after it restored its system. "
                "It does no harm: callers hear no difference for what is right already."
            ),
            _("Nobody can do it again for the next 10 minutes."),
        ],
        sure=_("Yes, send all %(n)d again") % {"n": count},
        is_unsure=request.method == "POST",
        button=_("Send everything again"),
    )


def _resend(request: HttpRequest, model_admin: Any) -> HttpResponse:
    with transaction.atomic():
        Circuit.take_turn()  # two at the same moment take turns, and the second finds the first one's entry
        now = accounts.read().now
        last = _last_resend()
        if last and now - last.action_time < RESEND_REST:
            again = accounts.clock(last.action_time + RESEND_REST)
            model_admin.message_user(
                request,
                _("%(who)s sent everything again at %(time)s. It can be done again at %(again)s.")
                % {"who": last.user.get_username(), "time": accounts.clock(last.action_time), "again": again},
                messages.ERROR,
            )
            return redirect(SCREEN)
        count = service.resend_all()
        model_admin.log_change(request, Circuit.only(), SENT_AGAIN, action=Action.SENT_AGAIN, count=count)
    model_admin.message_user(
        request,
        ngettext("%(n)d setting is on its way again.", "%(n)d settings are on their way again.", count)
        % {"n": count},
        messages.SUCCESS,
    )
    return redirect(SCREEN)


def _last_resend() -> LogEntry | None:
    account = ContentType.objects.get_for_model(Circuit)
    entries = LogEntry.objects.filter(content_type=account, action_flag=CHANGE, change_message=SENT_AGAIN)
    return entries.select_related("user").order_by("-action_time").first()


@_controlling
@require_POST
def send_now(request: HttpRequest, object_id: int, model_admin: Any) -> HttpResponse:
    setting = _setting(object_id)
    words = record_lookup.title_of(setting)
    if detail.can_send(setting):
        with transaction.atomic():
            service.send_now(setting.pk)
            model_admin.log_change(request, setting, "Sent now.", action=Action.SENT_AGAIN)
        shut = accounts.read().shut
        said = _("“%(what)s” waits, because nothing is sent now.") if shut else _("“%(what)s” is on its way.")
        model_admin.message_user(
            request, said % {"what": words}, messages.WARNING if shut else messages.SUCCESS
        )
    else:
        model_admin.message_user(
            request, _("“%(what)s” cannot be sent any more.") % {"what": words}, messages.ERROR
        )
    return redirect(_back(request))


@_controlling
def close(request: HttpRequest, object_id: int, model_admin: Any) -> HttpResponse:
    setting = _setting(object_id)
    if setting.state != State.WITHDRAWN:
        return redirect("admin:settings_sync_providersetting_change", setting.pk)
    what = detail.withdrawn(setting)["what"]
    if request.method != "POST":
        return _ask(
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
        closed = service.close_withdrawn(setting.pk)
        if closed:
            model_admin.log_change(request, setting, "Confirmed that the provider has removed it.")
    if closed:
        said = _("Closed: %(what)s is gone here and, as you said, at the provider.")
    else:
        said = _("Not closed: %(what)s has just been changed by somebody else.")
    model_admin.message_user(request, said % {"what": what}, messages.SUCCESS if closed else messages.ERROR)
    return redirect(SCREEN)


def _setting(object_id: int) -> ProviderSetting:
    setting = ProviderSetting.objects.filter(pk=object_id).first()
    if setting is None:
        raise Http404
    return setting


def _back(request: HttpRequest) -> str:
    """The page that the person came from, if it is one of ours."""
    came_from = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure()):
        return came_from
    return SCREEN
