"""``python -m benchmarks``."""

# Worker processes import this module again, before their threads are set: it must not import anything else.
if __name__ == "__main__":
    from benchmarks.cli import app

    app()
