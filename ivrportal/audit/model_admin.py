"""The base class of all admin screens: the theme's, with the audit log."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from ivrportal.audit import audit_log, form_changes
from ivrportal.audit.audit_log import Action
from ivrportal.common.admin_theme import ThemedModelAdmin


class ModelAdmin(ThemedModelAdmin):
    """The house's admin: what all lists and forms have in common.

    What is saved and deleted here is in the audit trail by itself, as the last thing in the transaction of the change.
    Screens of their own, which log what they did, give `log_addition` and `log_change` its kind and its values.
    """

    list_filter_submit = False
    warn_unsaved_form = True
    compressed_fields = True
    list_per_page = 50
    list_max_show_all = 0  # pages only: a list may have millions of rows
    audited_addition = Action.ADDED
    audited_change = Action.CHANGED
    are_our_numbers = False  # telephone numbers in it are the office's own, and stay whole in the trail

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Both of these are called between the saving and the logging, so here is where old and new are known."""
        request.audit_changes = form_changes.of_form(form, formsets, is_new=add)  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(
        self, request: HttpRequest, obj: Any, message: Any, *, action: Action | None = None, **facts: Any
    ) -> LogEntry:
        entry = super().log_addition(request, obj, message)
        self._record(action or self.audited_addition, request, obj, message, **facts)
        return entry

    def log_change(
        self, request: HttpRequest, obj: Any, message: Any, *, action: Action | None = None, **facts: Any
    ) -> LogEntry:
        entry = super().log_change(request, obj, message)
        self._record(action or self.audited_change, request, obj, message, **facts)
        return entry

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        with transaction.atomic():
            subject, name, lost = audit_log.subject_of(obj), _name_of(obj), form_changes.of_deletion([obj])
            super().delete_model(request, obj)
            audit_log.record(
                Action.DELETED, request=request, what=name, subject=subject, changes=lost,
                are_our_numbers=self.are_our_numbers,
            )  # fmt: skip

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        """One entry for all of them. Django's own is not atomic."""
        with transaction.atomic():
            records = list(queryset)
            lost, subjects = (
                form_changes.of_deletion(records),
                [audit_log.subject_of(record) for record in records],
            )
            super().delete_queryset(request, queryset)
            audit_log.record(
                Action.DELETED, request=request, what=", ".join(map(_name_of, records)),
                subject=subjects[0] if len(subjects) == 1 else "", count=len(records), changes=lost,
                are_our_numbers=self.are_our_numbers,
            )  # fmt: skip

    def _record(
        self,
        action: Action,
        request: HttpRequest,
        obj: Model,
        message: Any,
        *,
        changes: Mapping[str, Sequence[Any]] | None = None,
        count: int | None = None,
    ) -> None:
        if changes is None:
            changes = getattr(request, "audit_changes", None)
        request.audit_changes = None  # type: ignore[attr-defined]  # one record's are not the next one's
        audit_log.record(
            action, request=request, subject=audit_log.subject_of(obj), count=count, changes=changes,
            what=f"{_name_of(obj)}: {message}" if isinstance(message, str) else _name_of(obj),
            are_our_numbers=self.are_our_numbers,
        )  # fmt: skip


def _name_of(record: Model) -> str:
    return f"{record._meta.verbose_name} {record}"
