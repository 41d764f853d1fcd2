"""The database's clock, which all workers share whatever their own clocks say."""

import datetime as dt

from django.db import connection


def database_now() -> dt.datetime:
    """The database's current time, aware, in UTC."""
    on_sqlite = connection.vendor == "sqlite"
    sql = "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')" if on_sqlite else "SELECT clock_timestamp()"
    with connection.cursor() as cursor:
        cursor.execute(sql)
        (now,) = cursor.fetchone()
    if isinstance(now, str):
        return dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC)
    return now.astimezone(dt.UTC)
