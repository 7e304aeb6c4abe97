"""Study and catalogue → cases, loads and how long they take."""
