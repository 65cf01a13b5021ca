"""The closed file schemas of master batch records and release specifications (marshmallow, unknown=RAISE)."""
