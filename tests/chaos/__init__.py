"""The bot process under attack: bad lines, bad disks, bad clocks."""
