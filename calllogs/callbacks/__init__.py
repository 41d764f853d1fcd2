"""The callback queue: one open row for each caller who did not get through and has not been reached since.

Every status except *Answered* counts as not getting through, including statuses that the portal does not know, so that
no caller is lost to an unknown status word. A caller is open while such a call is later than both the last answered
call and the last call that a user closed. The waiting time counts from the first of these calls.

    derive         computes the open rows by SQL: for some callers, and as a comparison of all callers with their rows
    miss_reason    why a call did not get through
    refresh        updates the open rows from new calls, outside the push request; also rebuilds all of them
    actions        what a user can do: claim, release, close, reopen
    queries        pages, filters and counts of the queue
    waiting_history  how many callers waited at the start of each hour
"""
