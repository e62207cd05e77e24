"""The two files that are the truth, the gate and the receipts, and the index that finds a receipt.

May import: core, disk, formats.
"""
