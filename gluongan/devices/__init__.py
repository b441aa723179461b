"""NVIDIA's cards, their driver, and the builds of MXNet that can use them; without MXNet."""

from __future__ import annotations
