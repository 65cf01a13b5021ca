"""Signing in through a hospital's OpenID Connect provider: off unless a site sets it up, and never for signatures.

Who comes in is somebody with an account here already, whom an administrator linked to their account there.
"""
