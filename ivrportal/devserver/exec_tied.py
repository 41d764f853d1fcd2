"""A script that execs a command which ends when the process that started it ends.

    python -I -S exec_tied.py PARENT_PID SIGNAL USER_ID COMMAND [ARGUMENT…]

On Linux the command gets SIGNAL when the thread that started it ends, even after `kill -9`; elsewhere the script only
execs. USER_ID is the numeric user to switch to first, or `-`.

It is a separate program for two reasons: code between fork and exec can hang in a process with threads, and switching
the user clears the parent-death signal. It imports none of our modules, so it starts in 20 ms, without Django.
"""

import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent_pid: int, death_signal: int, user_id: str, command: list[str]) -> None:
    libc = None
    if sys.platform.startswith("linux"):
        import ctypes  # before the switch: the other user may not be able to read our Python

        libc = ctypes.CDLL(None)
    if user_id != "-":
        os.setgroups([])
        os.setgid(int(user_id))
        os.setuid(int(user_id))
    if libc is not None:
        if libc.prctl(PR_SET_PDEATHSIG, death_signal) != 0:
            sys.exit("the kernel refuses the parent-death signal")
        if os.getppid() != parent_pid:  # the parent ended before prctl
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  (the commands are our own)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
