"""What an outsider checks a whole ledger with: an export in plain files, and a program that shares no code with us."""
