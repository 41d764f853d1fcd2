"""Run as a script: become another program that ends when the process that started it ends.

    python -I -S exec_tied.py PARENT_PID SIGNAL USER_ID COMMAND [ARGUMENT…]

Linux delivers SIGNAL when the starting thread is gone, even after `kill -9`; elsewhere nothing is tied. USER_ID
is a number to change to before, or `-`. A program of its own, because code between fork and exec in a process with
threads can hang, and because the tie must be made after the change of user, which undoes it. Imports nothing of ours:
it costs 20 ms, not a start of Django.
"""

import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent_pid: int, death_signal: int, user_id: str, command: list[str]) -> None:
    libc = None
    if sys.platform.startswith("linux"):
        import ctypes  # now: the other user may not be able to read our Python

        libc = ctypes.CDLL(None)
    if user_id != "-":
        os.setgroups([])
        os.setgid(int(user_id))
        os.setuid(int(user_id))
    if libc is not None:
        if libc.prctl(PR_SET_PDEATHSIG, death_signal) != 0:
            sys.exit("the kernel refuses the parent-death signal")
        if os.getppid() != parent_pid:  # gone before the tie was made
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606  (the commands are our own)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
