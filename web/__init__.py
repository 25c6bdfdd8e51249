"""How people and programs reach Callcard: pages, REST, WebSocket, commands."""
