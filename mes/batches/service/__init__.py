"""The only place of this room that commits: load the state, decide, sign, append in one operation."""
