"""People and their roles: what an administrator's screens show and allow."""
