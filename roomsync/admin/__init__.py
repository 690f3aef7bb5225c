"""Staff: who may command the bot, what they say to it, and what it does and answers."""
