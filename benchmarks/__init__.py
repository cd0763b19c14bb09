"""Side-by-side runs against peers, run from a checkout: `python -m benchmarks.NAME`; results go to docs/."""
