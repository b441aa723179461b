"""Runs side by side: each in a process of its own, with its share of the cores.

MXNet is loaded in those processes alone.
"""
