"""Recording a library's own training calls without a line of the user's; one file a library."""
