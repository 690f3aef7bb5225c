"""Settings: plain values, checked once."""
