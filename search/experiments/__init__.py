"""Judging networks: single runs under a stated protocol, and what several seeds of them say together."""
