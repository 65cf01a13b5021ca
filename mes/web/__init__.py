"""The doors of the house: HTTP for people and programs. Audiences and forms, no rules."""
