"""What can be known of a policy before a report."""
