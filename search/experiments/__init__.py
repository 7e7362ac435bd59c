"""Experiments: runs of a network on several seeds under a stated protocol, and what they add up to."""
