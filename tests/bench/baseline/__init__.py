"""Baselines: ordinary implementations of the same job on the portal's own settings and models."""
