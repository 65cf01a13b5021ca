"""The processes of a site: `mes serve` with its background work, and `mes supervise` that restarts what died."""
