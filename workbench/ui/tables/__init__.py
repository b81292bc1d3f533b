"""Tables that sort, filter and copy: plain rows, one model, one delegate, one view."""
