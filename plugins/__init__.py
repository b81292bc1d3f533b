"""Runtime plugins: one folder each, found by its plugin.toml."""
