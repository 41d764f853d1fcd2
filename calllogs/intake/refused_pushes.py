"""Refused pushes: a count for each day and address, and a capped number of shortened records for the inbox."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from calllogs.intake.envelope import RawPush
from calllogs.models import Push, RefusedPushCount

MAX_QUERY_LENGTH = 2048  # characters of `raw_query` that are kept
MAX_PER_DAY_AND_ADDRESS = 1_000
MAX_RECORDS = 10_000
MAX_ADDRESSES_PER_DAY = 10_000  # beyond this, new addresses are counted together under ""


def record(push: RawPush) -> None:
    """Count a refused push, and keep its beginning unless a cap is reached."""
    with transaction.atomic():
        count = _increment_count(push.remote_addr)
        if (
            count > MAX_PER_DAY_AND_ADDRESS
            or Push.objects.filter(outcome=Push.Outcome.REFUSED).count() >= MAX_RECORDS
        ):
            return
        Push.objects.create(
            uid=push.uid,
            received_at=push.received_at,
            remote_addr=push.remote_addr,
            raw_query=push.raw_query[:MAX_QUERY_LENGTH],
            outcome=Push.Outcome.REFUSED,
            reason="no live key, or an address that is not allowed",
        )


def _increment_count(address: str) -> int:
    today = timezone.localdate()
    rows = RefusedPushCount.objects.filter(date=today, remote_addr=address)
    if not rows.exists() and RefusedPushCount.objects.filter(date=today).count() >= MAX_ADDRESSES_PER_DAY:
        address = ""
        rows = RefusedPushCount.objects.filter(date=today, remote_addr=address)
    if not rows.update(count=F("count") + 1):
        RefusedPushCount.objects.bulk_create(
            [RefusedPushCount(date=today, remote_addr=address)], ignore_conflicts=True
        )
        rows.update(count=F("count") + 1)
    return rows.values_list("count", flat=True).get()
