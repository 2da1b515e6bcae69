"""What is wrong with the data or the question, in one sentence. It never repeats an answer a person gave."""


class Unfit(ValueError):
    """A model cannot be fitted to this table: why, and in which couple and column where one can be named."""

    def __init__(self, reason: str, *, couple: str = "", column: str = "") -> None:
        where = ", ".join(
            part for part in (couple and f"couple {couple}", column and f"column {column}") if part
        )
        super().__init__(f"{where}: {reason}" if where else reason)
        self.couple = couple
        self.column = column
