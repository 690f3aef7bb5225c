"""From the state file to the gateway: whose turn it is, when, and what became of it."""
