"""A person's number removed from every table and file.

The calls stay, as calls of nobody: the office's counts do not change. `people` takes the number off the calls and the
desk, `tables` looks through everything else that the database holds, `files` through the disk, `jobs` leads through all
of it in small pieces, and `watch` looks at what comes afterwards.
"""
