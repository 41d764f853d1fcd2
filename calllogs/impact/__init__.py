"""What a change of hours, holidays or availability did to the missed calls.

history  the changes as marks on a curve, each at the moment from which callers met it
compare  the calls before a change and after it, like with like (bounds, counts, spans)
chance   whether a difference is more than chance
words    the finding in sentences; basis: what it rests on
"""

from calllogs.impact.change_marks import Mark, Marks, Standing, marks

__all__ = ["Mark", "Marks", "Standing", "marks"]
