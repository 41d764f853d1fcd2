"""The effect of a change of hours, holidays or availability on missed calls.

change_marks  the changes, each at the moment from which callers met it
compare       compares the calls before and after a change on comparable days (bounds, day_counts, minute_spans)
comparison    the result of a comparison
significance  whether a difference is more than chance
summary_text  the result in sentences
explanation   which days were compared and why, or why none could be
chart         the curve of calls with its marks
views         the page
"""
