"""What the sections that are programs share: their arguments and report, the packages under test, a server."""
