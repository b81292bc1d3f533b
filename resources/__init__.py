"""Data files of the program: schemas, templates, fonts, the sample study."""
