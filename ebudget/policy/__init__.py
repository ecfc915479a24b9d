"""What a team agreed: one `budgets.yaml`, read, checked and typed."""
