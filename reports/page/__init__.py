"""The report as one self-contained page, ``report.html``."""
