"""Calls counted by hour and day of the portal's time zone, so that a report of ninety days reads a few thousand rows.

hour_spans  where the hours and days of the portal's time zone begin and end
periods     the periods of reports, and the periods they are compared with
counting    counts computed from the calls, and their differences from the stored ones
refresh     updates the stored counts from the calls, outside the push request; also rebuilds them
queries     counts of a period: stored counts of whole hours and days, and calls for the rest
aggregates  what screens and mails show: figures, rows of a dimension, bars, heat map, typical days
"""
