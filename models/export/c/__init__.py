"""A trained network as plain C99 for a microcontroller: float32 and integer-only int8."""
