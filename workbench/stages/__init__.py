"""A spec, a model and rendered rows -> a trainer that has not started yet; one readable module per stage."""
