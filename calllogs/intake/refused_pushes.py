"""What strangers leave at the door: a count, and a short, capped record for the inbox."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from calllogs.intake.envelope import RawPush
from calllogs.models import Push, RefusedPushCount

LONGEST = 2048  # characters of what came
A_DAY_AND_ADDRESS = 1_000
IN_ALL = 10_000
ADDRESSES_A_DAY = 10_000  # beyond this, whoever changes addresses is counted under none


def note(push: RawPush) -> None:
    """Count a push that was refused, and keep its beginning while there is room."""
    with transaction.atomic():
        count = _count(push.remote_addr)
        if count > A_DAY_AND_ADDRESS or Push.objects.filter(outcome=Push.Outcome.REFUSED).count() >= IN_ALL:
            return
        Push.objects.create(
            uid=push.uid,
            received_at=push.received_at,
            remote_addr=push.remote_addr,
            raw_query=push.raw_query[:LONGEST],
            outcome=Push.Outcome.REFUSED,
            reason="no live key, or an address that is not allowed",
        )


def _count(address: str) -> int:
    today = timezone.localdate()
    here = RefusedPushCount.objects.filter(date=today, remote_addr=address)
    if not here.exists() and RefusedPushCount.objects.filter(date=today).count() >= ADDRESSES_A_DAY:
        address = ""
        here = RefusedPushCount.objects.filter(date=today, remote_addr=address)
    if not here.update(count=F("count") + 1):
        RefusedPushCount.objects.bulk_create(
            [RefusedPushCount(date=today, remote_addr=address)], ignore_conflicts=True
        )
        here.update(count=F("count") + 1)
    return here.values_list("count", flat=True).get()
