"""Who may talk to the service, and what each may do."""
