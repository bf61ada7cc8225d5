"""All networks, by name."""

from . import by_gradient, by_layer, look_alikes, tips, trained, traps, two_causes

HAND_SET = (by_layer, by_gradient, tips, two_causes, traps, look_alikes)


def every(modules=(*HAND_SET, trained)):
    """The networks, in the order of their modules; names are unique."""
    nets = [net for module in modules for net in module.nets()]
    names = [net.name for net in nets]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise ValueError(f"twice in the suite: {sorted(doubled)}")
    return nets
