"""Reports by mail.

days     which days a report is about, and when it is due
compose  what it says: figures, tables and bars, as text and as HTML
write    makes what is due, or what a person asks for: a run, and a letter for each of its people
"""
