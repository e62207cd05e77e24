"""Files as the kernel has them: write so that a power cut leaves old or new, read without trusting, hold the lock.

May import: core.
"""
