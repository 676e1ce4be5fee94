"""Pages: self-contained HTML files that are made from results, one page per file.

Each is declared in ``PAGES`` with the function that returns its HTML. Pages open without a network or a server, in
light and dark, on paper and on a phone. Numbers on them are the workflow's own.
"""
