# The MCP server over HTTP; it serves until it is stopped.
# docs: http
infrai --sandbox mcp --http 127.0.0.1:8931
# docs: end
