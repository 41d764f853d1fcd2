"""The base class of all admin classes: the theme's, with the audit log."""

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
    """Common options of all lists and forms.

    Every save and deletion is recorded in the audit log automatically, at the end of its transaction. Custom views that
    call `log_addition` or `log_change` pass the action, the changes and the count themselves.
    """

    list_filter_submit = False
    warn_unsaved_form = True
    compressed_fields = True
    list_per_page = 50
    list_max_show_all = 0  # no "show all": a list may have millions of rows
    audited_addition = Action.ADDED
    audited_change = Action.CHANGED
    has_office_numbers = False  # True: telephone numbers are the office's own and stay whole in the audit log

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Keeps the old and new values for the log methods: Django calls this after saving and before logging."""
        request.audit_changes = form_changes.changes_of_form(form, formsets, is_new=add)  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(
        self, request: HttpRequest, obj: Any, message: Any, *, action: Action | None = None, **details: Any
    ) -> LogEntry:
        entry = super().log_addition(request, obj, message)
        self._record(action or self.audited_addition, request, obj, message, **details)
        return entry

    def log_change(
        self, request: HttpRequest, obj: Any, message: Any, *, action: Action | None = None, **details: Any
    ) -> LogEntry:
        entry = super().log_change(request, obj, message)
        self._record(action or self.audited_change, request, obj, message, **details)
        return entry

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        with transaction.atomic():
            subject, name = audit_log.subject_of(obj), _name_of(obj)
            changes = form_changes.changes_of_deletion([obj])
            super().delete_model(request, obj)
            audit_log.record(
                Action.DELETED, request=request, what=name, subject=subject, changes=changes,
                has_office_numbers=self.has_office_numbers,
            )  # fmt: skip

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Writes one audit entry for all records. Django's method is not atomic."""
        with transaction.atomic():
            records = list(queryset)
            changes = form_changes.changes_of_deletion(records)
            subjects = [audit_log.subject_of(record) for record in records]
            super().delete_queryset(request, queryset)
            audit_log.record(
                Action.DELETED, request=request, what=", ".join(map(_name_of, records)),
                subject=subjects[0] if len(subjects) == 1 else "", count=len(records), changes=changes,
                has_office_numbers=self.has_office_numbers,
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
        request.audit_changes = None  # type: ignore[attr-defined]  # not for the next record of this request
        audit_log.record(
            action, request=request, subject=audit_log.subject_of(obj), count=count, changes=changes,
            what=f"{_name_of(obj)}: {message}" if isinstance(message, str) else _name_of(obj),
            has_office_numbers=self.has_office_numbers,
        )  # fmt: skip


def _name_of(record: Model) -> str:
    return f"{record._meta.verbose_name} {record}"
