"""Moderation: what keeps a message from being relayed, each with its reason."""
