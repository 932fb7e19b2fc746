"""What arrives, and what we tell others: verify, file, answer. Nothing is interpreted here."""
