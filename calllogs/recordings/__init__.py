"""Recordings: fetched with care from wherever the provider keeps them, kept here if wished, served in ranges."""
