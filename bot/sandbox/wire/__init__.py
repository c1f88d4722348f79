"""The sandbox's SIP side: WebSocket server, registrations, and the dialogs behind the switch's legs."""
