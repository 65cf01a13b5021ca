"""Acts and readings over HTTP, the same for a browser and for a program."""
