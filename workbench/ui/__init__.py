"""The window: Qt on top of results and commands; knows no runtime and computes no figure."""
