"""The exported bundle of one batch, and the program by which anybody checks it offline."""
