"""All networks, by name."""

from . import by_layer


def every():
    """The networks, in the order of their modules; names are unique."""
    nets = [net for module in (by_layer,) for net in module.nets()]
    names = [net.name for net in nets]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise ValueError(f"twice in the suite: {sorted(doubled)}")
    return nets
