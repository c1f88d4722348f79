"""The platform's REST interface and its event gateway, on the state of the switch."""
