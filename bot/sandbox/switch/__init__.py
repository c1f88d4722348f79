"""The switch: calls and their legs, what connects them, and the services that they meet."""
