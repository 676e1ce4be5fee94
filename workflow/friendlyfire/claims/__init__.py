"""What the paper claims: each claim as a number with a bound that was fixed before any result was seen."""

SECTIONS = {
    "claims": {
        "description": "verdicts on the paper's claims",
        "options": {
            "tested": {
                "default": "all",
                "description": "claims to judge: all, or a list; an empty list leaves the experiment out",
                "anyOf": [{"const": "all"}, {"type": "array", "uniqueItems": True, "items": {"type": "string"}}],
            },
            "draws": {
                "default": 1000,
                "type": "integer",
                "minimum": 100,
                "maximum": 100000,
                "description": "number of bootstrap resamples of the images",
            },
        },
    },
}
