"""Keeps people's words and names out of logs: an error is logged by its type and place, never by its text."""

import logging
import traceback


class NoContent(logging.Filter):
    """Replace an exception's text (it may quote a row or a form) by its type and the lines it passed."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[0]:
            kind, _, trace = record.exc_info
            frames = " < ".join(
                f"{f.filename.rpartition('/')[2]}:{f.lineno}" for f in reversed(traceback.extract_tb(trace))
            )
            record.msg, record.args = f"{kind.__name__} at {frames}", ()
            record.exc_info = record.exc_text = None
        return True
