"""One ledger, many questions."""
