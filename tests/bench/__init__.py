"""Benchmarks. Every figure and its baseline are measured in the same run on the same machine.

A benchmark is a module of this package with `run(options) -> Section`, listed in `__main__.MODULES`.
"""
