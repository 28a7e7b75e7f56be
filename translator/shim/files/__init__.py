"""Identify, check and transfer files: digests, safe paths, and waits that can be abandoned."""
