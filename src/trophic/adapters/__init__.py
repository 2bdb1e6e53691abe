"""Learners in the dress of other libraries. Each module needs the library it is named after."""
