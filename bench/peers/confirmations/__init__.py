"""A signed step confirm in Django with django-auditlog: session, argon2, row and audit row in one durable commit."""
