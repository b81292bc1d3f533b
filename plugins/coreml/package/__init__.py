"""Reading a saved .mlpackage without the library that wrote it."""
