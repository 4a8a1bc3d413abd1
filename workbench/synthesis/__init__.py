"""Raw passages -> question-answer rows, written by a model and reviewed by a person before they are kept."""
