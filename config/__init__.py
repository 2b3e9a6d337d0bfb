"""How an installation is put together: settings, addresses, middleware and the embedded database server."""
