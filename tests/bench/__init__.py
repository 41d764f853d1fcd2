"""Benchmarks: every figure beside its baseline, both measured in the same run on the same machine.

A benchmark is a module of this package with `run(options) -> Section`, named in `__main__.MODULES`.
"""
