"""``python -m benchmarks``."""

# Worker processes import this module again, before their threads are set: it must not import anything else.
if __name__ == "__main__":
    import gc

    # Most of what a command makes stays until its end: modules, plans, records. To look for garbage among it after
    # every 700 new objects is a tenth of the time of starting.
    gc.set_threshold(50_000)

    from benchmarks.cli import app

    app()
