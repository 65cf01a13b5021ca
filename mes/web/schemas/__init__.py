"""Forms as marshmallow schemas: closed, bounded, decimals as text, times with a zone."""
