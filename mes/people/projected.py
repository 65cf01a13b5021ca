"""The tables of persons that are projections of the ledger: a rebuild drops and makes all of them anew."""

from sqlalchemy import MetaData

METADATA = MetaData()
