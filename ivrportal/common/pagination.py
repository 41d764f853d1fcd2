"""A paginator for lists with millions of rows."""

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property


class CappedPaginator(Paginator):
    """Lists and counts `max_count` rows at most, because counting millions of rows would take seconds."""

    max_count = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return rows.order_by()[: self.max_count].count()
