"""Alerts outside WeChat: what the operator has to hear of, and where it is sent."""
