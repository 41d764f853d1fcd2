"""Calls counted by the hour of the portal's zone, so that a report of ninety days reads some thousand rows.

hours     where the hours of the portal's clocks begin and end
counting  the counts worked out from the calls, and how they differ from those that are kept
level     brings the kept counts level with the calls, off the push path; and rebuilds them
"""
