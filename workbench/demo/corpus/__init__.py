"""A random generator -> question-and-answer exchanges, one module per topic of the embedded model's domain."""
