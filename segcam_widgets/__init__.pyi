from .core.explain import explain as explain
from .core.explanation import (
    Explanation as Explanation,
)
from .core.explanation import (
    load_explanation as load_explanation,
)
from .core.methods import METHODS as METHODS
from .core.query import CamQuery as CamQuery
from .core.regions import (
    Border as Border,
)
from .core.regions import (
    Brush as Brush,
)
from .core.regions import (
    Component as Component,
)
from .core.regions import (
    Errors as Errors,
)
from .core.regions import (
    Everything as Everything,
)
from .core.regions import (
    Mask as Mask,
)
from .core.regions import (
    Pixel as Pixel,
)
from .core.regions import (
    Polygon as Polygon,
)
from .core.regions import (
    PredictedClass as PredictedClass,
)
from .core.regions import (
    Rectangle as Rectangle,
)
from .core.regions import (
    TruthClass as TruthClass,
)
from .core.scores import SCORES as SCORES
from .errors import (
    Cancelled as Cancelled,
)
from .errors import (
    DisconnectedLayerError as DisconnectedLayerError,
)
from .errors import (
    EmptyRegionError as EmptyRegionError,
)
from .errors import (
    NonFiniteError as NonFiniteError,
)
from .errors import (
    SegCamError as SegCamError,
)
from .errors import (
    UnknownLayerError as UnknownLayerError,
)
from .errors import (
    UnsupportedModelError as UnsupportedModelError,
)
from .models.opening import open_probe as open_probe

__version__: str
