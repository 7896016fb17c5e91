"""Unfinished runs: what is kept of them, so that they can go on."""
