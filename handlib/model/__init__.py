"""The network, a module per mechanism."""
