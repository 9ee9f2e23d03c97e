"""Loopback stand-ins for OpenAI's and Anthropic's model APIs, spoken to over real HTTP."""
