"""Pushes kept on disk while the database is silent: appended, synced, and drained later. Plain Python.

Files of the directory, all mode 0600; the first part of a name is the moment of making, in nanoseconds:

    <moment>-<pid>-<random>.open    one process appends to it, and only that process
    <the same>.sealed               a drainer has taken it; nobody appends to it again
    <the same>.bad                  set aside, kept for a person: one JSON line for each damaged stretch, with the
                                    note in plain words and the bytes in base64

A file is records and nothing else. A record is a header of 16 bytes and the payload; numbers are big-endian:

    4  MAGIC; no text in UTF-8 holds it, so that a search for the next record does not stop inside a payload
    4  length of the payload in bytes, at most MAX_PAYLOAD
    4  CRC-32 of the payload
    4  CRC-32 of the 12 bytes before: a good header's length can be believed when its payload is damaged

Who may touch what: whoever appends to or drains a file holds `flock` on it, the appender for one write. A drainer
first renames `.open` to `.sealed`, then waits for the lock: an append that was under way is finished and will be
read; the next one finds its file gone and starts a new one. A lock is never waited for by an appender.

What survives: a record whose append returned is handled at least once, whatever is killed and when. An append cut
short costs only itself, a flipped bit only its record; both are set aside and counted. A file goes when all its
records were handled and its damage is set aside and synced.
"""

