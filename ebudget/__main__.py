"""`python -m ebudget`."""

from ebudget.cli import main

main()
