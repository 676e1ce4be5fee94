"""Tables -> figures and their captions."""
