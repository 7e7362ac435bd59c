"""How a network is found and judged."""
