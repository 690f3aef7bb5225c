"""Events on their way in: in order, room by room, and noted before anything is asked about them."""
