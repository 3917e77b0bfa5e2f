"""Tools that all parts of the package use: checks of arguments, errors, files, shipped resources."""
