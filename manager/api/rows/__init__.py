"""The rows of the command table, a module per group; `manager.api.commands` joins them."""
