"""Scheduled reports by mail.

due_dates  which days a report is about, and when it is due
compose    the mail: figures, tables and bars, as text and as HTML
generate   generates due and requested reports: a run, and one mail per recipient
labels     reports and runs as texts for the screens
admin      the screens
"""
