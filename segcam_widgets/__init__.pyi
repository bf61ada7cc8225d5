from .errors import (
    Cancelled as Cancelled,
    DisconnectedLayerError as DisconnectedLayerError,
    EmptyRegionError as EmptyRegionError,
    NonFiniteError as NonFiniteError,
    SegCamError as SegCamError,
    UnknownLayerError as UnknownLayerError,
    UnsupportedModelError as UnsupportedModelError,
)

__version__: str
