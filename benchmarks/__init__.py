"""Speed and memory, compared with other libraries and with the bare cost of the arithmetic: `make bench`."""
