"""The demo: one whole batch on a simulated device in virtual time, by people who act through HTTP like a browser."""
