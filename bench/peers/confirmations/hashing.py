"""Django's argon2 hasher with the product's parameters instead of its own."""

from django.contrib.auth.hashers import Argon2PasswordHasher

from mes.people.passwords import PRODUCTION


class SameArgon2(Argon2PasswordHasher):
    time_cost = PRODUCTION.passes
    memory_cost = PRODUCTION.memory_kib
    parallelism = PRODUCTION.lanes
