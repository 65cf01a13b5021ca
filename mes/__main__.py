"""`python -m mes`: the command line."""

from mes.cli import main

if __name__ == "__main__":
    main()
