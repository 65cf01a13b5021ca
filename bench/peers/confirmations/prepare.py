"""Makes the peer's database: `python -m bench.peers.confirmations.prepare PEOPLE STEPS PASSWORD`."""

import os
import sys

import django


def main(people: int, steps: int, password: str) -> None:
    """Create tables, users `p0` ... with one password, and started steps."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.confirmations.settings")
    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from bench.peers.confirmations.models import Step

    call_command("migrate", run_syncdb=True, verbosity=0)
    for number in range(people):
        User.objects.create_user(f"p{number}", password=password)
    Step.objects.bulk_create(Step(batch=f"B-{place}", name="A01") for place in range(steps))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
