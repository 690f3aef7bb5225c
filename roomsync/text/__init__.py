"""Wording, pure: headers, quotes, kinds of message, mentions, and the bot's own lines."""
