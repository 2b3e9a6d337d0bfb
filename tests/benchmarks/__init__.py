"""How fast the hot paths are, beside peers that do less: ``python -m tests.benchmarks --help``.

Peers take turns within a round, and ratios are taken within a round before their median is: what else the machine does
then meets all of them. Figures hold for the machine they were taken on; ratios travel.
"""
