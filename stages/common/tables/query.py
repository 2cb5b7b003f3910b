"""Rows that a pandas query of the user's finds."""

import pandas as pd
from pandas.api.types import is_bool_dtype

from stages.common.errors import StageError


def rows_of(table: pd.DataFrame, query: str, what: str) -> pd.DataFrame:
    """The rows of `table` of which `query` is true; `what` names the parameter that holds it.

    Raises StageError for a query that cannot be asked, and for one that answers with anything but true or false: pandas
    would take numbers for names of rows.
    """
    try:
        found = table.eval(query)
    except Exception as error:  # Python's tokenizer and regular expressions have errors of their own
        raise StageError(f"{what}: '{query}': {' '.join(str(error).split())[:200]}") from None
    if not (isinstance(found, pd.Series) and is_bool_dtype(found) and found.index.equals(table.index)):
        raise StageError(f"{what}: '{query}' must be true or false of every pair, such as source == \"pubmed\"")
    return table[found]
