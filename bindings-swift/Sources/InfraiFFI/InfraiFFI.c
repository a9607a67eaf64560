// Nothing: a C target needs a source, and the library has the functions.
