"""Racing: a study within a budget of time. Significantly worse candidates are eliminated early."""
