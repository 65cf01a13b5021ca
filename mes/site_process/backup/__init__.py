"""Backups of a site, and the proof that they can be restored: made online, encrypted, checked on the copy, drilled."""
