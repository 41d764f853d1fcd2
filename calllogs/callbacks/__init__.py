"""The missed-call desk: one open row for each caller who did not get through and has not since.

What counts: everything but *Answered* did not get through, also what no list of statuses knows, so that nobody is
forgotten for a word. A caller is open while there is such a call after both the last answered call and the last call
that a person closed. The waiting time counts from the first of them.

    live     the derivation itself: for some callers, and as a comparison of all with the open rows
    why      why a call did not get through
    refresh  brings the open rows level with new calls, off the push path; and rebuilds them
    acts     what a person does: take, give back, call back, dismiss, open again
    listing  what the desk shows
    history  how many waited when each hour began
"""
