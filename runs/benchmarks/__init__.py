"""Timings beside peers: scripts that may import every floor; nothing imports them."""
