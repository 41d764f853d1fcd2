"""Privacy: erasing a caller's number from every table and file, retention, and the report of who saw a number.

An erasure keeps the calls without their caller, so that statistics do not change. `anonymise` handles calls and the
callback queue, `table_scan` every other table, and `file_erasure` the files. `erasure_jobs` runs all of it in small
pieces, and `late_pushes` handles pushes that arrive afterwards.
"""
