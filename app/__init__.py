"""The service: one JSON transform, its cores and its HTTP face; knows nothing of the lab that measures it."""
