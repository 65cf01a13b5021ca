"""The house rules of the code, checked: size, names, layers, licences, documents, set-up."""
