"""Alarms: conditions that need attention, each mailed once and closed automatically when it is over.

rules    one function per kind of alarm: the alarm's text, or an empty text
silence  the rule “no calls come”, compared with the same weekday of earlier weeks
service  opens, closes, mails and snoozes alarms
views    the alarms page and the alarms on the home screen
"""
