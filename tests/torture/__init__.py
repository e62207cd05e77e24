"""Break everything: kill, cut the power, fail each call, and see that nothing is lost, doubled or torn.

The quick parts are in the ordinary suite (`test_crash_points`, `test_power_loss`, `test_every_error`); the long ones
are commands, run from the top of the repository: ``python -m tests.torture.crash_points --help`` and so on. What each
has found is in docs/reliability.md.
"""
