"""The lab: builds the variants of a JSON service, proves each right, measures it and reports the answer."""
