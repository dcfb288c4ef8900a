// Made room for.
