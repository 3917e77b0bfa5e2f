"""``handlib models``: the networks that ship."""


def models() -> None:
    """List the networks that ship, by the names that --checkpoint and handlib.reconstruct(model=...) take."""
    from handlib.utils import resources

    for name, about in resources.models().items():
        default = " (the default)" if name == resources.DEFAULT_NETWORK else ""
        print(f"{name:12} {about}{default}")
