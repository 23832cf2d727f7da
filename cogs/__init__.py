"""The cogs, one folder an upstream. They lie at the top of the repository and are imported as `tux_http.cogs.*`."""
