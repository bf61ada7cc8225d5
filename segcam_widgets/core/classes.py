"""A class by index or by name."""

from segcam_widgets.core.support.checks import is_whole
from segcam_widgets.errors import SegCamError, must_be_one_of, shown


def class_index(value: int | str, class_names: tuple[str, ...], argument: str = "class_index") -> int:
    """The index of a class given by index or by name. Raises SegCamError that lists what there is."""
    if isinstance(value, str):
        if value in class_names:
            return class_names.index(value)
        raise SegCamError(must_be_one_of(argument, class_names, value))
    if not is_whole(value):
        raise SegCamError(f"`{argument}` must be a class's index or name. Received: {shown(value)}.")
    if not 0 <= value < len(class_names):
        raise SegCamError(
            f"`{argument}` must be between 0 and {len(class_names) - 1}: the model has {len(class_names)} classes. "
            f"Received: {value}."
        )
    return int(value)


def _named_class(value: int | str) -> int | str:
    """The class as it is kept in a region; whether the model has it shows when a probe is at hand."""
    if isinstance(value, str):
        return str(value)
    if not is_whole(value):
        raise SegCamError(f"`class_index` must be a class's index or name. Received: {shown(value)}.")
    return int(value)


def _class_label(value: int | str, class_names: tuple[str, ...]) -> str:
    if isinstance(value, str):
        return value
    return class_names[value] if 0 <= value < len(class_names) else f"class {value}"
