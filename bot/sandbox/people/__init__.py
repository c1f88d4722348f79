"""Scripted people: who they are, what they do when called, what they hear, and the scripts that they can play."""
