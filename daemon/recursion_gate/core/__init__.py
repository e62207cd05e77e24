"""The words that every other package uses: errors, paths, settings, the model of a candidate and a receipt, text rules.

May import: nothing of this project.
"""
