"""Speed and memory, side by side with peers and with the bare cost of the arithmetic: `make bench`."""
