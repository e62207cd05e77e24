"""Proof that Record, gate and receipts agree: reads everything, writes nothing.

May import: core, disk, formats, permissions, store.
"""
