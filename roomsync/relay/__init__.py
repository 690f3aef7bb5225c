"""What is said is decided here, and only here; the rooms and their communities."""
