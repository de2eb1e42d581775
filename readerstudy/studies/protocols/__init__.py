"""Protocols as files: read, checked, and turned into frozen values."""
