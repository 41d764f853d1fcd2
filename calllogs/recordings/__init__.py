"""Recordings: fetched safely from the provider's URLs, optionally archived here, and served in byte ranges."""
