"""The devices of a site: register, qualification, allocation to a run, and every sample they sent.

`mes collect` writes what devices send to `collect.journal`; the drain inside `mes serve` brings it into the
ledger and hands it through `ports.RunObserver` to the room that judges it.
"""
