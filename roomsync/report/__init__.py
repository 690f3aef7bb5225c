"""The report: what a community did in the days that are kept, as one page of HTML. `write_report` makes it."""

from roomsync.report.file import ReportError, write_report

__all__ = ["ReportError", "write_report"]
