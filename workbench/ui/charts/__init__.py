"""Charts: a figure is plain data; one widget draws any figure, one writer makes SVG of it."""
