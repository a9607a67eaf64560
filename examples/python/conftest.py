"""Pytest settings: the fixture infrai_sandbox and the mark infrai_faults for all tests of the folder."""

pytest_plugins = ["infrai.testing"]
