"""Source languages, one package or module each, registered by entry point ``translator.dialects``."""
